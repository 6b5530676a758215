"""Maximum mean discrepancy with a Gaussian kernel, whose width is the median distance.

Source: Gretton, Borgwardt, Rasch, Schölkopf and Smola, 2012, "A kernel two-sample test", equation 3 and section 8 (the
median heuristic).
"""

from __future__ import annotations

from typing import ClassVar, final

from twoplayer.core.ranges import Positive, within
from twoplayer.two_sample.statistics._base import StatisticEvidence, TwoSampleTest
from twoplayer.two_sample.statistics._pairs import gaussian, median_width, pair_sums
from twoplayer.two_sample.statistics._permute import Pooled

__all__ = ["Mmd"]


@final
class Mmd(TwoSampleTest):
    """The unbiased estimate of MMD², which may be negative, with k(x, y) = exp(−‖x − y‖²/(2 width²)).

    Args:
        width: width of the kernel; None takes the median distance between pooled samples, which does not depend on the
            labels, so that the test is exact.
    """

    name: ClassVar[str] = "mmd"

    def __init__(self, *, width: Positive | None = None) -> None:
        self.width = None if width is None else within(Positive, width=width)

    def evidence(self, pooled: Pooled) -> StatisticEvidence:
        width = self.width or median_width(pooled.samples)
        (sums,) = pair_sums(pooled, [gaussian(width)])
        return StatisticEvidence(sums.unbiased, details={"width": width})
