"""Standard errors: of means, of statistics with a derivative by the weight of each sample, and by the jackknife.

Source: Efron, Stein, 1981, The jackknife estimate of variance.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from twoplayer.metrics._base import Array, Estimate
from twoplayer.metrics._nearest import strips

__all__ = ["by_content", "influence_error", "jackknife_error", "mean", "shuffled"]

GROUPS = 20
"""Groups of samples that the jackknife leaves out in turn."""
CHUNK = 4096
"""Rows that are summed at a time."""


def mean(values: Array) -> Estimate:
    """The mean of independent values ``(N,)``, or the share of those that are true, N at least 2."""
    values = np.asarray(values, np.float64)
    return Estimate(float(values.mean()), influence_error(values))


def influence_error(influence: Array) -> float:
    """Standard error of a statistic from its influence function at the samples, ``(N,)``, up to a constant.

    The influence is the derivative by a sample's weight, times N. The error is exact for means, whose influence is the
    values themselves, and correct to first order in 1/√N for smooth statistics.
    """
    return float(np.std(influence, ddof=1)) / math.sqrt(len(influence))


def jackknife_error(rows: Array, statistic: Callable[[Array], float], groups: int = GROUPS) -> float:
    """Standard error of ``statistic(indices)`` of `rows` ``(N, F)``, by leaving out each of `groups` groups in turn.

    ((G - 1) / G) Σ (θ_g - mean θ)²: Efron and Stein 1981, equation 1.4, with groups in place of single samples. Its
    own relative error is about 1/√(2G).
    """
    parts = np.array_split(shuffled(rows), min(groups, len(rows)))
    without = [np.concatenate([*parts[:g], *parts[g + 1 :]]) for g in range(len(parts))]
    values = np.array([statistic(np.sort(part)) for part in without])
    return math.sqrt((len(values) - 1) * float(values.var()))


def shuffled(rows: Array, salt: int = 0) -> Array:
    """A random order of rows ``(N, F)`` that depends on their content, not on their order."""
    order: Array = by_content(rows)[np.random.default_rng(salt).permutation(len(rows))]
    return order


def by_content(rows: Array) -> Array:
    """An order of rows ``(N, F)`` that depends on their content only."""
    width = rows.shape[1]
    # Rows of whole numbers often have equal sums under evenly spaced weights: random weights order those.
    return np.lexsort([_sums(rows, 1 + np.random.default_rng(0).random(width)), _sums(rows, np.linspace(1, 2, width))])


def _sums(rows: Array, weights: Array) -> Array:
    # Row by row, so that the sum of a row is bit-identical at every position.
    return np.concatenate([(rows[chunk] * weights).sum(1) for chunk in strips(len(rows), CHUNK)])
