"""What few numbers can say: bootstrap intervals, ranks, and paired permutation tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, islice, product

import numpy as np
from numpy.typing import ArrayLike, NDArray

from twoplayer.core.rng import numpy_generator

__all__ = ["COVERAGE", "LEVEL", "against", "interval", "least_p", "mean_ranks", "needed_pairs", "permutation_p"]

LEVEL = 0.95
"""Of intervals; differences are called significant below 1 − LEVEL."""
EXACT = 6
"""Up to so many values all resamples are counted; above, RESAMPLES of them are drawn."""
RESAMPLES = 20_000
EXACT_SIGNS = 16
"""Up to so many pairs all signs are counted."""
PIECE = 2_048
"""Signs that are looked at in one go."""
COVERAGE = {2: 0.5, 3: 0.75, 4: 0.8, 5: 0.84, 6: 0.87}
"""How often the interval of so many normal values holds their mean."""

Floats = NDArray[np.float64]


def interval(values: ArrayLike, level: float = LEVEL) -> tuple[float, float] | None:
    """The percentile bootstrap interval of the mean of `values` ``(N,)``; None for fewer than two.

    The quantiles of the means of all N^N resamples where N is at most 6, else of 20,000 drawn ones. With few values it
    is too short (with 3, a nominal 95 % covers about 75 %), since no resample reaches beyond them.

    Source: Efron 1979, "Bootstrap Methods: Another Look at the Jackknife"; Efron & Tibshirani 1993, section 13.3.

    >>> interval([1.0, 3.0])
    (1.0, 3.0)
    """
    x = np.asarray(values, np.float64)
    if len(x) < 2:
        return None
    if not np.isfinite(x).all():
        return float(x.min()), float(x.max())
    means = _resampled_means(x)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2], method="inverted_cdf")
    return float(low), float(high)


def _resampled_means(x: Floats) -> Floats:
    count = len(x)
    if count <= EXACT:
        rows = np.array(list(product(range(count), repeat=count)))
    else:
        rows = numpy_generator(0, "bootstrap", count).integers(count, size=(RESAMPLES, count))
    means: Floats = x[rows].mean(1)
    return means


def permutation_p(differences: ArrayLike) -> float | None:
    """Two-sided p of the paired permutation test that differences ``(N,)`` are symmetric about 0; None without any.

    The share of the 2^N ways to give them signs in which the mean is at least as far from 0 as it is: exact up to 16
    pairs, else of 65,536 drawn ways, the given one among them.

    Source: Fisher 1935, "The Design of Experiments", section 21; Phipson & Smyth 2010 for drawn ones.

    >>> permutation_p([1.0, 2.0, 3.0])
    0.25
    """
    x = np.asarray(differences, np.float64)
    if not len(x) or not np.isfinite(x).all():
        return None
    return float(_step_down(x[:, None])[0])


def against(costs: Mapping[str, Mapping[str, float]], best: str) -> dict[str, float | None]:
    """p of the paired permutation test of every other row against the row `best`; costs by row and repetition.

    Adjusted for all pairs of rows, since which row is best is seen from the same runs: any pair of equals is wrongly
    told apart with a chance of at most that p. A repetition's differences change their signs together, so that pairs
    keep their dependence, and a difference that every repetition shows has the same least p among many rows as it has
    between two. None for a row that shares fewer than two repetitions with `best`, or that has figures without a finite
    value in them.

    Source: Westfall & Young 1993, "Resampling-Based Multiple Testing" (step-down max T); Romano & Wolf 2005, "Exact and
    Approximate Stepdown Methods for Multiple Hypothesis Testing".

    >>> against({"a": {"1": 1.0, "2": 2.0}, "b": {"1": 2.0, "2": 3.0}, "c": {"1": 1.0}}, "a")
    {'b': 0.5, 'c': None}
    """
    rows = list(costs)
    repetitions = sorted(set().union(*costs.values()))
    table = np.array([[costs[row].get(name, np.nan) for name in repetitions] for row in rows], np.float64)
    pairs, columns = [], []
    for one, other in combinations(range(len(rows)), 2):
        shared = ~np.isnan(table[[one, other]]).any(0)
        if shared.sum() > 1 and np.isfinite(table[[one, other]][:, shared]).all():
            pairs.append(frozenset((rows[one], rows[other])))
            columns.append(np.where(shared, table[one] - table[other], 0.0))
    found = dict(zip(pairs, _step_down(np.array(columns).T), strict=True)) if pairs else {}
    known = {row: found.get(frozenset((row, best))) for row in rows if row != best}
    return {row: None if p is None else float(p) for row, p in known.items()}


def _step_down(differences: Floats) -> Floats:
    """Adjusted p of differences ``(repetitions, pairs)``, of which one repetition's change their signs together.

    The statistic is |Σ x|/√Σ x², in which the signs of one pair are ordered as in its mean and in Student's t.
    """
    largest = np.abs(differences).max(0)
    x = differences / np.where(largest > 0, largest, 1.0)
    x = x / np.where(largest > 0, np.sqrt((x**2).sum(0)), 1.0)
    given = np.abs(x.sum(0))
    order = np.argsort(-given, kind="stable")
    reached, ways = np.zeros(len(given)), 0
    for signs in _signs(len(x)):
        statistics = np.abs(signs @ x[:, order])
        largest_left = np.maximum.accumulate(statistics[:, ::-1], axis=1)[:, ::-1]
        reached += (largest_left >= given[order] - 1e-9).sum(0)  # rounding must not break ties
        ways += len(signs)
    p = np.empty(len(given))
    p[order] = np.maximum.accumulate(reached / ways)
    return p


def _signs(count: int) -> Iterator[Floats]:
    """Ways to give `count` numbers signs, piece by piece, the way that leaves them as they are among them."""
    if count <= EXACT_SIGNS:
        ways = product((1.0, -1.0), repeat=count)
        while piece := list(islice(ways, PIECE)):
            yield np.array(piece)
        return
    yield np.ones((1, count))
    random, left = numpy_generator(0, "signs", count), 2**EXACT_SIGNS - 1
    while left:
        yield random.choice([1.0, -1.0], size=(min(PIECE, left), count))
        left -= min(PIECE, left)


def least_p(pairs: int) -> float:
    """The least p that the permutation test can give with so many pairs.

    >>> least_p(3), least_p(6)
    (0.25, 0.03125)
    """
    return min(1.0, 2.0 ** (1 - pairs))


def needed_pairs(level: float = LEVEL) -> int:
    """How many pairs a significant difference takes at least.

    >>> needed_pairs()
    6
    """
    return next(n for n in range(1, 64) if least_p(n) <= 1 - level)


def mean_ranks(costs: Sequence[Sequence[float]]) -> list[float]:
    """The mean over columns of each row's rank in it, 1 for the least; equal costs share the mean of their places.

    NaN stands for a run without a result and comes last.

    >>> mean_ranks([[1.0, 2.0], [3.0, 2.0]])
    [1.25, 1.75]
    """
    from scipy.stats import rankdata

    table = np.asarray(costs, np.float64)
    table = np.where(np.isnan(table), np.inf, table)
    return [float(r) for r in np.apply_along_axis(rankdata, 0, table).mean(1)]
