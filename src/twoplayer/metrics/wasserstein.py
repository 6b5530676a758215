"""Wasserstein distance: the least mean distance over which samples must be moved to become the real ones, exactly.

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

PIVOTS = 100_000_000
BYTES = 24
"""Memory for a pair of samples, at the most."""
LIMIT = 10 * 2**30
"""Bytes beyond which a machine is more likely to fall over than to find the transport."""
CLOSE = 1e-6
"""Share of two points' norms below which their squared distance is computed by itself."""


def wasserstein(features: Array, real: Array, *, order: int = 1) -> Estimate:
    """W_p, p = `order` >= 1, between features ``(N, F)`` and ``(M, F)``, all N and all M being equally likely.

    Time grows like N³ at worst, memory as about 24 NM bytes: a few thousand samples on either side take seconds. Biased
    upwards by about N^(-1/F), so compare it at equal counts alone. The error is that of draws of both sets, by the dual
    potentials, which are the derivatives by each sample's weight. Raises `UserError` where that would take more than 10
    GiB, and where POT does not solve it.
    """
    import ot

    a, b = matrices(features, real)
    if (needed := BYTES * len(a) * len(b)) > LIMIT:
        raise UserError(
            f"an exact transport between {len(a):,} and {len(b):,} samples takes {needed / 2**30:,.0f} GiB of memory: "
            f"measure at most {math.isqrt(LIMIT // BYTES) // 1000 * 1000:,}, or take sliced-wasserstein"
        )
    costs = _distances(a, b)
    costs **= order
    cost, log = ot.emd2(_even(len(a)), _even(len(b)), costs, numItermax=PIVOTS, log=True)
    if log["warning"] is not None:
        raise UserError(f"no exact transport was found between {len(a)} and {len(b)} samples: measure fewer of them")
    value = max(0.0, float(cost)) ** (1 / order)
    deviation = math.sqrt(float(np.var(log["u"])) / len(a) + float(np.var(log["v"])) / len(b))
    return Estimate(value, deviation * value ** (1 - order) / order if value else None)


@final
class WassersteinDistance(Metric[Array, ReferenceFeatures]):
    """`wasserstein` as a metric."""

    figure: ClassVar[str] = "wasserstein"
    higher_is_better: ClassVar[bool | None] = False
    needs: ClassVar[Need] = "features"
    protocol: ClassVar[int] = 2_500
    slow: ClassVar[bool] = True

    def __init__(self, *, order: Count = 1) -> None:
        self.order: int = within(Count, order=order)

    def measure(self, samples: Array, reference: ReferenceFeatures) -> Estimate:
        return wasserstein(samples, reference.features, order=self.order)


def _distances(a: Array, b: Array) -> Array:
    """All distances, float64 ``(N, M)``, to nine digits, and 0 between equal points."""
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
