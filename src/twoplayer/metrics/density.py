"""Mean number of real balls around a sample, divided by k: 1 on average for equal distributions.

Source: Naeem, Oh, Uh, Choi, Yoo, 2020, Reliable fidelity and diversity metrics for generative models, equation 3.
"""

from __future__ import annotations

from typing import ClassVar, final

from twoplayer.metrics._base import Array, Estimate
from twoplayer.metrics._manifold import NEIGHBOURS, Balls, ManifoldMetric, manifold

__all__ = ["DensityMetric", "density"]


def density(features: Array, real: Array, *, neighbours: int = NEIGHBOURS) -> Estimate:
    """1/k of the mean number of real balls that contain a sample, for ``(N, F)`` and real ``(M, F)``; N, M > k.

    The ball of a real sample has the distance to its k-th nearest real neighbour as radius, k = `neighbours`. At least
    0; above 1 where samples concentrate in dense regions of the real data. The error is that over draws of both sets,
    from random halves (see `Manifold`).
    """
    return manifold(features, real, neighbours).estimate(DensityMetric.mean)


@final
class DensityMetric(ManifoldMetric):
    """`density` as a metric.

    Args:
        neighbours: k, the number of neighbours that the radius of a ball reaches.
    """

    name: ClassVar[str] = "density"
    higher_is_better: ClassVar[bool | None] = None

    @staticmethod
    def mean(balls: Balls) -> float:
        return float(balls.real_balls.mean()) / balls.neighbours
