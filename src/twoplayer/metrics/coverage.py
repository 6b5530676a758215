"""Share of real samples with a generated sample inside their ball.

Source: Naeem, Oh, Uh, Choi, Yoo, 2020, Reliable fidelity and diversity metrics for generative models, equation 4.
"""

from __future__ import annotations

from typing import ClassVar, final

from twoplayer.metrics._base import Array, Estimate
from twoplayer.metrics._manifold import NEIGHBOURS, Balls, ManifoldMetric, manifold

__all__ = ["Coverage", "coverage"]


def coverage(features: Array, real: Array, *, neighbours: int = NEIGHBOURS) -> Estimate:
    """The share of real samples ``(M, F)`` whose ball contains a sample of ``(N, F)``, in [0, 1]; N, M > k.

    The ball of a real sample has the distance to its k-th nearest real neighbour as radius, k = `neighbours`. The
    expected value for N = M samples of the real distribution is 1 - 2^-k, 0.969 for k = 5. The error is that over draws
    of both sets, from random halves (see `Manifold`).
    """
    return manifold(features, real, neighbours).estimate(Coverage.mean)


@final
class Coverage(ManifoldMetric):
    """`coverage` as a metric.

    Args:
        neighbours: k, the number of neighbours that the radius of a ball reaches.
    """

    name: ClassVar[str] = "coverage"
    higher_is_better: ClassVar[bool | None] = True

    @staticmethod
    def mean(balls: Balls) -> float:
        return float((balls.samples_inside > 0).mean())
