"""What few numbers can say: bootstrap intervals, ranks, and the paired permutation test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np
from numpy.typing import ArrayLike, NDArray

from twoplayer.rng import numpy_generator

__all__ = ["LEVEL", "holm", "interval", "least_p", "mean_ranks", "needed_pairs", "permutation_p"]

LEVEL = 0.95
"""Of intervals; differences are called significant below 1 − LEVEL."""
EXACT = 6
"""Up to so many values all resamples are counted; above, RESAMPLES of them are drawn."""
RESAMPLES = 20_000
EXACT_SIGNS = 16
"""Up to so many pairs all signs are counted."""

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
    if len(x) <= EXACT_SIGNS:
        signs = np.array(list(product((1.0, -1.0), repeat=len(x))))
    else:
        drawn = numpy_generator(0, "signs", len(x)).choice([1.0, -1.0], size=(2**EXACT_SIGNS - 1, len(x)))
        signs = np.concatenate([np.ones((1, len(x))), drawn])
    sums, given = np.abs(signs @ x), abs(x.sum())
    return float((sums >= given - 1e-9 * np.abs(x).sum()).mean())  # rounding must not break ties


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


def holm(p_values: Mapping[str, float | None]) -> dict[str, float | None]:
    """p adjusted for their number by Holm's step-down: any of them wrongly below α has a chance of at most α.

    Source: Holm 1979, "A Simple Sequentially Rejective Multiple Test Procedure".

    >>> holm({"a": 0.01, "b": 0.04, "c": None})
    {'a': 0.02, 'b': 0.04, 'c': None}
    """
    known = sorted((p, name) for name, p in p_values.items() if p is not None)
    adjusted: dict[str, float | None] = dict.fromkeys(p_values)
    worst = 0.0
    for place, (p, name) in enumerate(known):
        worst = max(worst, min(1.0, (len(known) - place) * p))
        adjusted[name] = worst
    return adjusted


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
