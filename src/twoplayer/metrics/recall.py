"""Share of real samples that lie among generated ones.

Source: Kynkäänniemi, Karras, Laine, Lehtinen, Aila, 2019, Improved precision and recall metric for assessing generative
models, equation 2.
"""

from __future__ import annotations

from typing import ClassVar, final

from twoplayer.metrics._base import Array, Estimate
from twoplayer.metrics._manifold import NEIGHBOURS, Balls, ManifoldMetric, manifold

__all__ = ["Recall", "recall"]


def recall(features: Array, real: Array, *, neighbours: int = NEIGHBOURS) -> Estimate:
    """The share of real samples within reach of a sample, in [0, 1], of features ``(N, F)`` and ``(M, F)``; N, M > k.

    A sample reaches as far as its k-th nearest neighbour among the samples, so a generator that scatters them reaches
    far: coverage does not reward that. The error is that of draws of both sets, by halves of them (see
    `Manifold`).
    """
    return manifold(features, real, neighbours).estimate(Recall.mean)


@final
class Recall(ManifoldMetric):
    """`recall` as a metric."""

    figure: ClassVar[str] = "recall"
    higher_is_better: ClassVar[bool | None] = True

    @staticmethod
    def mean(of: Balls) -> float:
        return float((of.own_balls > 0).mean())
