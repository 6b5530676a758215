"""Share of real samples that have a generated one among their nearest neighbours.

Source: Naeem, Oh, Uh, Choi, Yoo, 2020, Reliable fidelity and diversity metrics for generative models, equation 4.
"""

from __future__ import annotations

from typing import ClassVar, final

from twoplayer.metrics._base import Array, Estimate
from twoplayer.metrics._manifold import NEIGHBOURS, Balls, ManifoldMetric, manifold

__all__ = ["Coverage", "coverage"]


def coverage(features: Array, real: Array, *, neighbours: int = NEIGHBOURS) -> Estimate:
    """The share of real samples that reach a sample, in [0, 1], of features ``(N, F)`` and ``(M, F)``; N, M > k.

    A real sample reaches as far as its k-th nearest real neighbour. As many samples of the real distribution cover
    1 - 2^-k of it, .969 for k = 5. The error is that of draws of both sets, by halves of them (see
    `Manifold`).
    """
    return manifold(features, real, neighbours).estimate(Coverage.mean)


@final
class Coverage(ManifoldMetric):
    """`coverage` as a metric."""

    figure: ClassVar[str] = "coverage"
    higher_is_better: ClassVar[bool | None] = True

    @staticmethod
    def mean(of: Balls) -> float:
        return float((of.held > 0).mean())
