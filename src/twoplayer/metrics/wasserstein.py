"""Exact Wasserstein distance: the smallest mean cost of a transport of samples to real data.

Source: Villani, 2009, Optimal transport: old and new, definition 6.1; solved by Flamary et al., 2021, POT: Python
optimal transport; its error: del Barrio, Loubes, 2019, Central limit theorems for empirical transportation cost in
general dimension, theorem 4.1.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar, final

import numpy as np

from twoplayer.core.errors import UserError
from twoplayer.core.ranges import Count, within
from twoplayer.metrics._base import Array, Estimate, Metric, Need, ReferenceFeatures
from twoplayer.metrics._nearest import DistancePairs, matrices

__all__ = ["WassersteinDistance", "wasserstein"]

MAX_PIVOTS = 100_000_000
"""Iterations of the network simplex algorithm."""
BYTES_PER_PAIR = 24
MAX_BYTES = 10 * 2**30
CLOSE = 1e-6
"""Squared distances below this share of the squared norms are computed from differences."""


def wasserstein(features: Array, real: Array, *, order: int = 1) -> Estimate:
    """W_p, p = `order` >= 1, between the empirical distributions of features ``(N, F)`` and ``(M, F)``.

    Time grows like N³ in the worst case, memory is about 24 NM bytes: a few thousand samples take seconds. The estimate
    is biased upwards by about N^(-1/F): compare values for equal counts only. The error is that over draws of both
    sets, from the dual potentials, which are the derivatives by each sample's weight. Raises `UserError` where more
    than 10 GiB of memory would be needed, and where POT does not converge.

    >>> round(wasserstein(np.array([[0.0], [1.0]]), np.array([[2.0], [1.0]])).value, 6)
    1.0
    """
    import ot

    a, b = matrices(features, real)
    if (needed := BYTES_PER_PAIR * len(a) * len(b)) > MAX_BYTES:
        raise UserError(
            f"an exact transport between {len(a):,} and {len(b):,} samples takes {needed / 2**30:,.0f} GiB of memory: "
            f"use at most {math.isqrt(MAX_BYTES // BYTES_PER_PAIR) // 1000 * 1000:,} samples, or sliced-wasserstein"
        )
    costs = _distances(a, b)
    costs **= order
    cost, log = ot.emd2(_even(len(a)), _even(len(b)), costs, numItermax=MAX_PIVOTS, log=True)
    if log["warning"] is not None:
        raise UserError(f"POT found no exact transport between {len(a)} and {len(b)} samples: use fewer samples")
    value = max(0.0, float(cost)) ** (1 / order)
    deviation = math.sqrt(float(np.var(log["u"])) / len(a) + float(np.var(log["v"])) / len(b))
    return Estimate(value, deviation * value ** (1 - order) / order if value else None)


@final
class WassersteinDistance(Metric[Array, ReferenceFeatures]):
    """`wasserstein` as a metric.

    Args:
        order: p of the Wasserstein distance W_p.
    """

    name: ClassVar[str] = "wasserstein"
    higher_is_better: ClassVar[bool | None] = False
    needs: ClassVar[Need] = "features"
    protocol_samples: ClassVar[int] = 2_500
    slow: ClassVar[bool] = True

    def __init__(self, *, order: Count = 1) -> None:
        self.order: int = within(Count, order=order)

    def measure(self, samples: Array, reference: ReferenceFeatures) -> Estimate:
        return wasserstein(samples, reference.features, order=self.order)


def _distances(a: Array, b: Array) -> Array:
    """All distances, float64 ``(N, M)``, with nine correct digits, and exactly 0 between equal points."""
    pairs = DistancePairs(a, b, np.float64)
    distances = np.empty((len(a), len(b)))
    for tile in pairs.every_tile():
        rows = np.arange(len(a))[tile.rows, None]
        columns = np.arange(len(b))[tile.columns]
        squares = (tile.low + pairs.high(tile.low, rows, columns)) / 2
        i, j = np.nonzero(squares < CLOSE * (pairs.a_norms[rows] + pairs.b_norms[columns]))
        squares[i, j] = pairs.squares(i + tile.rows.start, j + tile.columns.start)
        distances[tile.rows, tile.columns] = np.sqrt(squares)
    return distances


def _even(count: int) -> Array:
    even: Any = np.full(count, 1 / count)
    return even  # type: ignore[no-any-return]
