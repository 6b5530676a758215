"""1,000 times the squared MMD of a Gaussian kernel of width 10, proposed for CLIP's features.

Source: Jayasumana, Ramalingam, Veit, Glasner, Chakrabarti, Kumar, 2024, Rethinking FID: Towards a better evaluation
metric for image generation, section 4 (CMMD).
"""

from __future__ import annotations

from typing import ClassVar, final

from twoplayer.metrics._base import Array, Estimate, Metric, Need, ReferenceFeatures
from twoplayer.metrics._mmd import GaussianKernel, between, mmd

__all__ = ["Cmmd", "cmmd"]

WIDTH = 10.0
SCALE = 1000.0


def cmmd(features: Array, real: Array, *, unbiased: bool = False) -> Estimate:
    """1000 MMD² with exp(-‖x - y‖² / 200) between features ``(N, F)`` and ``(M, F)``, of unit length for CLIP.

    By default the mean is over all pairs, including a sample with itself, as in the authors' code; with `unbiased` over
    pairs of different samples, as in equation 4. For unit length the difference is below 40/N. The error is that over
    draws of both sets.
    """
    return _scaled(mmd(features, real, GaussianKernel(WIDTH), unbiased=unbiased))


@final
class Cmmd(Metric[Array, ReferenceFeatures]):
    """`cmmd` as a metric.

    Args:
        unbiased: average over pairs of different samples (equation 4) instead of all pairs (the authors' code).
    """

    name: ClassVar[str] = "cmmd"
    higher_is_better: ClassVar[bool | None] = False
    needs: ClassVar[Need] = "features"

    def __init__(self, *, unbiased: bool = False) -> None:
        self.unbiased = unbiased

    def measure(self, samples: Array, reference: ReferenceFeatures) -> Estimate:
        return _scaled(between(samples, reference, GaussianKernel(WIDTH), unbiased=self.unbiased))


def _scaled(estimate: Estimate) -> Estimate:
    return Estimate(SCALE * estimate.value, None if estimate.error is None else SCALE * estimate.error)
