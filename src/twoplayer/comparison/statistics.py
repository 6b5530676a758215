"""Statistics of a few repetitions: bootstrap intervals, ranks, and paired permutation tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, islice, product

import numpy as np
from numpy.typing import ArrayLike, NDArray

from twoplayer.core.rng import numpy_generator

__all__ = [
    "INTERVAL_COVERAGE",
    "LEVEL",
    "bootstrap_interval",
    "mean_ranks",
    "min_p",
    "min_pairs",
    "p_against",
    "permutation_p",
]

LEVEL = 0.95
"""Confidence level of intervals; differences are significant at p below 1 − LEVEL."""
MAX_EXACT_VALUES = 6
"""Number of values up to which all resamples are enumerated; for more, `RESAMPLES` of them are drawn."""
RESAMPLES = 20_000
MAX_EXACT_PAIRS = 16
"""Number of pairs up to which all signs are enumerated."""
SIGNS_PER_BATCH = 2_048
INTERVAL_COVERAGE = {2: 0.5, 3: 0.75, 4: 0.8, 5: 0.84, 6: 0.87}
"""Probability that the interval of that many normal values contains their mean."""

Floats = NDArray[np.float64]


def bootstrap_interval(values: ArrayLike, level: float = LEVEL) -> tuple[float, float] | None:
    """The percentile bootstrap interval of a mean.

    The quantiles of the means of all N^N resamples for N of at most 6, else of 20,000 drawn ones. The interval of few
    values is too short (for 3 values, a nominal 95 % covers about 75 %), since no resample has values beyond them.

    Args:
        values: ``(N,)``.
        level: the nominal coverage.

    Returns:
        The limits; None for fewer than two values. With values that are not finite, the smallest and largest value.

    Source: Efron 1979, "Bootstrap Methods: Another Look at the Jackknife"; Efron & Tibshirani 1993, section 13.3.

    >>> bootstrap_interval([1.0, 3.0])
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
    if count <= MAX_EXACT_VALUES:
        rows = np.array(list(product(range(count), repeat=count)))
    else:
        rows = numpy_generator(0, "bootstrap", count).integers(count, size=(RESAMPLES, count))
    means: Floats = x[rows].mean(1)
    return means


def permutation_p(differences: ArrayLike) -> float | None:
    """Two-sided p of the paired permutation test of the hypothesis that differences are symmetric about 0.

    The share of the 2^N sign assignments whose mean is at least as far from 0 as the observed one: exact up to 16
    pairs, else of 65,536 assignments, the observed one and drawn ones.

    Args:
        differences: ``(N,)``.

    Returns:
        None without differences, and if one is not finite.

    Source: Fisher 1935, "The Design of Experiments", section 21; Phipson & Smyth 2010 for drawn ones.

    >>> permutation_p([1.0, 2.0, 3.0])
    0.25
    """
    x = np.asarray(differences, np.float64)
    if not len(x) or not np.isfinite(x).all():
        return None
    return float(_step_down_p(x[:, None])[0])


def p_against(costs: Mapping[str, Mapping[str, float]], best: str) -> dict[str, float | None]:
    """p of the paired permutation test of every other row against the row `best`.

    Adjusted for all pairs of rows, since the best row is selected by the same runs: the probability that any pair of
    equal rows is called different is at most that p. The differences of a repetition change their signs together, which
    preserves the dependence of the pairs; so a difference that every repetition shows has the same smallest p among
    many rows as between two.

    Args:
        costs: by row and repetition; smaller is better.
        best: a row.

    Returns:
        By row; None for a row that shares fewer than two repetitions with `best` or has a value that is not finite.

    Source: Westfall & Young 1993, "Resampling-Based Multiple Testing" (step-down max T); Romano & Wolf 2005, "Exact and
    Approximate Stepdown Methods for Multiple Hypothesis Testing".

    >>> p_against({"a": {"1": 1.0, "2": 2.0}, "b": {"1": 2.0, "2": 3.0}, "c": {"1": 1.0}}, "a")
    {'b': 0.5, 'c': None}
    """
    rows = list(costs)
    repetitions = sorted(set().union(*costs.values()))
    table = np.array([[costs[row].get(name, np.nan) for name in repetitions] for row in rows], np.float64)
    pairs, columns = [], []
    for i, j in combinations(range(len(rows)), 2):
        shared = ~np.isnan(table[[i, j]]).any(0)
        if shared.sum() > 1 and np.isfinite(table[[i, j]][:, shared]).all():
            pairs.append(frozenset((rows[i], rows[j])))
            columns.append(np.where(shared, table[i] - table[j], 0.0))
    p_by_pair = dict(zip(pairs, _step_down_p(np.array(columns).T), strict=True)) if pairs else {}
    p_by_row = {row: p_by_pair.get(frozenset((row, best))) for row in rows if row != best}
    return {row: None if p is None else float(p) for row, p in p_by_row.items()}


def _step_down_p(differences: Floats) -> Floats:
    """Adjusted p ``(pairs,)`` of differences ``(repetitions, pairs)``; a row changes its sign as a whole.

    The statistic is |Σ x|/√Σ x², which orders the sign assignments of a pair as its mean and as Student's t do.
    """
    largest = np.abs(differences).max(0)
    x = differences / np.where(largest > 0, largest, 1.0)
    x = x / np.where(largest > 0, np.sqrt((x**2).sum(0)), 1.0)
    observed = np.abs(x.sum(0))
    order = np.argsort(-observed, kind="stable")
    reached, assignments = np.zeros(len(observed)), 0
    for signs in _sign_batches(len(x)):
        statistics = np.abs(signs @ x[:, order])
        largest_left = np.maximum.accumulate(statistics[:, ::-1], axis=1)[:, ::-1]
        reached += (largest_left >= observed[order] - 1e-9).sum(0)  # rounding must not break ties
        assignments += len(signs)
    p = np.empty(len(observed))
    p[order] = np.maximum.accumulate(reached / assignments)
    return p


def _sign_batches(count: int) -> Iterator[Floats]:
    """Batches ``(B, count)`` of sign assignments, among them that of the observed signs."""
    if count <= MAX_EXACT_PAIRS:
        assignments = product((1.0, -1.0), repeat=count)
        while batch := list(islice(assignments, SIGNS_PER_BATCH)):
            yield np.array(batch)
        return
    yield np.ones((1, count))
    random, left = numpy_generator(0, "signs", count), 2**MAX_EXACT_PAIRS - 1
    while left:
        yield random.choice([1.0, -1.0], size=(min(SIGNS_PER_BATCH, left), count))
        left -= min(SIGNS_PER_BATCH, left)


def min_p(pairs: int) -> float:
    """The smallest p that the permutation test can give with that many pairs.

    >>> min_p(3), min_p(6)
    (0.25, 0.03125)
    """
    return min(1.0, 2.0 ** (1 - pairs))


def min_pairs(level: float = LEVEL) -> int:
    """The smallest number of pairs that can give a significant difference.

    >>> min_pairs()
    6
    """
    return next(n for n in range(1, 64) if min_p(n) <= 1 - level)


def mean_ranks(costs: Sequence[Sequence[float]]) -> list[float]:
    """The mean rank of each row over the columns.

    Args:
        costs: ``(rows, columns)``; rank 1 for the smallest cost, equal costs share the mean of their ranks, and NaN,
            for a run without a result, comes last.

    >>> mean_ranks([[1.0, 2.0], [3.0, 2.0]])
    [1.25, 1.75]
    """
    from scipy.stats import rankdata

    table = np.asarray(costs, np.float64)
    table = np.where(np.isnan(table), np.inf, table)
    return [float(r) for r in np.apply_along_axis(rankdata, 0, table).mean(1)]
