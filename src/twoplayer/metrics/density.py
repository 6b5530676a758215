"""How densely samples lie among real ones: 1 on average where both have one distribution.

Source: Naeem, Oh, Uh, Choi, Yoo, 2020, Reliable fidelity and diversity metrics for generative models, equation 3.
"""

from __future__ import annotations

from typing import ClassVar, final

from twoplayer.metrics._base import Array, Estimate
from twoplayer.metrics._manifold import NEIGHBOURS, Balls, ManifoldMetric, manifold

__all__ = ["DensityMetric", "density"]


def density(features: Array, real: Array, *, neighbours: int = NEIGHBOURS) -> Estimate:
    """1/k of the number of real samples that reach a sample, on average, of ``(N, F)`` and ``(M, F)``; N, M > k.

    A real sample reaches as far as its k-th nearest real neighbour. At least 0; above 1 where samples keep to where
    real ones are dense. The error is that of draws of both sets, by halves of them (see `Manifold`).
    """
    return manifold(features, real, neighbours).estimate(DensityMetric.mean)


@final
class DensityMetric(ManifoldMetric):
    """`density` as a metric."""

    figure: ClassVar[str] = "density"
    higher_is_better: ClassVar[bool | None] = None

    @staticmethod
    def mean(of: Balls) -> float:
        return float(of.real_balls.mean()) / of.neighbours
