"""Share of real samples that lie in the manifold of generated samples.

Source: Kynkäänniemi, Karras, Laine, Lehtinen, Aila, 2019, Improved precision and recall metric for assessing generative
models, equation 2.
"""

from __future__ import annotations

from typing import ClassVar, final

from twoplayer.metrics._base import Array, Estimate
from twoplayer.metrics._manifold import NEIGHBOURS, Balls, ManifoldMetric, manifold

__all__ = ["Recall", "recall"]


def recall(features: Array, real: Array, *, neighbours: int = NEIGHBOURS) -> Estimate:
    """The share of real samples ``(M, F)`` inside the ball of a sample of ``(N, F)``, in [0, 1]; N, M > k.

    The ball of a sample has the distance to its k-th nearest neighbour among the samples as radius, k = `neighbours`:
    outliers have large balls and increase recall, which coverage avoids. The error is that over draws of both sets,
    from random halves (see `Manifold`).
    """
    return manifold(features, real, neighbours).estimate(Recall.mean)


@final
class Recall(ManifoldMetric):
    """`recall` as a metric.

    Args:
        neighbours: k, the number of neighbours that the radius of a ball reaches.
    """

    name: ClassVar[str] = "recall"
    higher_is_better: ClassVar[bool | None] = True

    @staticmethod
    def mean(balls: Balls) -> float:
        return float((balls.own_balls > 0).mean())
