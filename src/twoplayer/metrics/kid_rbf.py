"""Kernel distance between samples and real data: the squared MMD of a Gaussian kernel, unbiased.

Source: Bińkowski, Sutherland, Arbel, Gretton, 2018, Demystifying MMD GANs, section 4, with the kernel and the median
heuristic of Gretton, Borgwardt, Rasch, Schölkopf, Smola, 2012, A kernel two-sample test, section 8.
"""

from __future__ import annotations

from typing import ClassVar, final

from twoplayer.core.ranges import Positive
from twoplayer.core.ranges import within as checked
from twoplayer.metrics._base import Array, Estimate, Metric, Need, ReferenceFeatures
from twoplayer.metrics._mmd import GaussianKernel, between, median_distance, mmd

__all__ = ["KidRbf", "kid_rbf"]


def kid_rbf(features: Array, real: Array, *, width: float | None = None) -> Estimate:
    """MMD² with exp(-‖x - y‖² / (2 width²)) between features ``(N, F)`` and ``(M, F)``, without self-pairs.

    0 on average for equal distributions, at most 2. `width` is by default the median distance between real
    samples, so that values for one reference are comparable. The error is that over draws of both sets.
    """
    return mmd(features, real, GaussianKernel(median_distance(real) if width is None else width))


@final
class KidRbf(Metric[Array, ReferenceFeatures]):
    """`kid_rbf` as a metric.

    Args:
        width: width of the Gaussian kernel, in the units of the features; None takes the median distance between real
            samples.
    """

    name: ClassVar[str] = "kid_rbf"
    higher_is_better: ClassVar[bool | None] = False
    needs: ClassVar[Need] = "features"
    protocol_samples: ClassVar[int] = 2  # unbiased: fewer samples only enlarge the error

    def __init__(self, *, width: Positive | None = None) -> None:
        self.width: float | None = None if width is None else checked(Positive, width=width)

    def measure(self, samples: Array, reference: ReferenceFeatures) -> Estimate:
        width = self.width
        if width is None:
            width = reference.shared(
                "median distance", reference.feature_set, lambda: median_distance(reference.features)
            )
        return between(samples, reference, GaussianKernel(width))
