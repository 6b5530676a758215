"""Share of samples that lie among real ones.

Source: Kynkäänniemi, Karras, Laine, Lehtinen, Aila, 2019, Improved precision and recall metric for assessing generative
models, equation 2.
"""

from __future__ import annotations

from typing import ClassVar, final

from twoplayer.metrics._base import Array, Estimate
from twoplayer.metrics._manifold import NEIGHBOURS, Balls, ManifoldMetric, manifold

__all__ = ["Precision", "precision"]


def precision(features: Array, real: Array, *, neighbours: int = NEIGHBOURS) -> Estimate:
    """The share of samples within reach of a real one, in [0, 1], of features ``(N, F)`` and ``(M, F)``; N, M > k.

    A real sample reaches as far as its k-th nearest real neighbour. The error is that of draws of both sets, by
    halves of them (see `Manifold`).
    """
    return manifold(features, real, neighbours).estimate(Precision.mean)


@final
class Precision(ManifoldMetric):
    """`precision` as a metric."""

    figure: ClassVar[str] = "precision"
    higher_is_better: ClassVar[bool | None] = True

    @staticmethod
    def mean(of: Balls) -> float:
        return float((of.real_balls > 0).mean())
