"""Share of samples that lie in the manifold of real samples.

Source: Kynkäänniemi, Karras, Laine, Lehtinen, Aila, 2019, Improved precision and recall metric for assessing generative
models, equation 2.
"""

from __future__ import annotations

from typing import ClassVar, final

from twoplayer.metrics._base import Array, Estimate
from twoplayer.metrics._manifold import NEIGHBOURS, Balls, ManifoldMetric, manifold

__all__ = ["Precision", "precision"]


def precision(features: Array, real: Array, *, neighbours: int = NEIGHBOURS) -> Estimate:
    """The share of samples ``(N, F)`` inside the ball of a real sample of ``(M, F)``, in [0, 1]; N, M > k.

    The ball of a real sample has the distance to its k-th nearest real neighbour as radius, k = `neighbours`. The error
    is that over draws of both sets, from random halves (see `Manifold`).
    """
    return manifold(features, real, neighbours).estimate(Precision.mean)


@final
class Precision(ManifoldMetric):
    """`precision` as a metric.

    Args:
        neighbours: k, the number of neighbours that the radius of a ball reaches.
    """

    name: ClassVar[str] = "precision"
    higher_is_better: ClassVar[bool | None] = True

    @staticmethod
    def mean(balls: Balls) -> float:
        return float((balls.real_balls > 0).mean())
