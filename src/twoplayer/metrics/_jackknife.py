"""Standard errors: of means, of anything with a derivative by the weight of each sample, else by leaving groups out.

Source: Efron, Stein, 1981, The jackknife estimate of variance.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from twoplayer.metrics._base import Array, Estimate
from twoplayer.metrics._nearest import strips

__all__ = [
    "by_content",
    "influence_error",
    "left_out_error",
    "mean",
    "shuffled",
]

GROUPS = 20
CHUNK = 4096


def mean(values: Array) -> Estimate:
    """The mean of independent values ``(N,)``, or the share of those that are true, N at least 2."""
    values = np.asarray(values, np.float64)
    return Estimate(float(values.mean()), influence_error(values))


def influence_error(influence: Array) -> float:
    """Standard error of a statistic by its derivatives ``(N,)`` by the samples' weights, times N, up to a constant.

    Exact for means, whose influence is the values themselves; to first order in 1/√N for whatever is smooth.
    """
    return float(np.std(influence, ddof=1)) / math.sqrt(len(influence))


def left_out_error(rows: Array, statistic: Callable[[Array], float], groups: int = GROUPS) -> float:
    """Standard error of ``statistic(indices)`` of `rows` ``(N, F)``, by leaving out each of some groups in turn.

    ((G - 1) / G) Σ (θ_g - mean θ)²: Efron and Stein 1981, equation 1.4, with groups in place of single samples. It is
    known to about 1/√(2G) of itself.
    """
    parts = np.array_split(shuffled(rows), min(groups, len(rows)))
    without = [np.concatenate([*parts[:g], *parts[g + 1 :]]) for g in range(len(parts))]
    values = np.array([statistic(np.sort(kept)) for kept in without])
    return math.sqrt((len(values) - 1) * float(values.var()))


def shuffled(rows: Array, salt: int = 0) -> Array:
    """A random order of rows ``(N, F)`` that follows from what they hold, not from the order in which they came."""
    order: Array = by_content(rows)[np.random.default_rng(salt).permutation(len(rows))]
    return order


def by_content(rows: Array) -> Array:
    """An order of rows ``(N, F)`` that is the same however they came."""
    width = rows.shape[1]
    # Whole numbers often have equal sums by weights as even as the first: random ones tell such rows apart.
    return np.lexsort([_sums(rows, 1 + np.random.default_rng(0).random(width)), _sums(rows, np.linspace(1, 2, width))])


def _sums(rows: Array, weights: Array) -> Array:
    # Row by row, so that a row's sum is the same bits wherever it stands.
    return np.concatenate([(rows[some] * weights).sum(1) for some in strips(len(rows), CHUNK)])
