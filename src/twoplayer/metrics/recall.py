"""Share of real samples that lie among generated ones.

Source: Kynkäänniemi, Karras, Laine, Lehtinen, Aila, 2019, Improved precision and recall metric for assessing generative
models, equation 2.
"""

from __future__ import annotations

from typing import ClassVar, final

from twoplayer.metrics._base import Array, Estimate, Metric, Need, Real
from twoplayer.metrics._manifold import NEIGHBOURS, Balls, manifold, shared_manifold
from twoplayer.ranges import Count, within

__all__ = ["Recall", "recall"]


def recall(features: Array, real: Array, *, neighbours: int = NEIGHBOURS) -> Estimate:
    """The share of real samples within reach of a sample, in [0, 1], of features ``(N, F)`` and ``(M, F)``; N, M > k.

    A sample reaches as far as its k-th nearest neighbour among the samples, so a generator that scatters them reaches
    far: coverage does not reward that. The error is that of draws of both sets, by halves of them (see
    `Manifold`).
    """
    return manifold(features, real, neighbours).estimate(_share)


@final
class Recall(Metric[Array, Real]):
    """`recall` as a metric."""

    figure: ClassVar[str] = "recall"
    higher_is_better: ClassVar[bool | None] = True
    needs: ClassVar[Need] = "features"
    least: ClassVar[int] = NEIGHBOURS + 1

    def __init__(self, *, neighbours: Count = NEIGHBOURS) -> None:
        self.neighbours: int = within(Count, neighbours=neighbours)

    def measure(self, samples: Array, reference: Real) -> Estimate:
        return shared_manifold(samples, reference, self.neighbours).estimate(_share)


def _share(of: Balls) -> float:
    return float((of.own_balls > 0).mean())
