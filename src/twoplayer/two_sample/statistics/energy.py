"""Energy distance: consistent against all differences between distributions, most powerful against shifts.

Source: Székely and Rizzo, 2004, "Testing for equal distributions in high dimension"; Baringhaus and Franz,
2004, "On a new multivariate two-sample test".
"""

from __future__ import annotations

from typing import ClassVar, final

import numpy as np

from twoplayer.two_sample.statistics._base import StatisticEvidence, TwoSampleTest
from twoplayer.two_sample.statistics._distances import radius
from twoplayer.two_sample.statistics._pairs import DistanceKernel, pair_sums
from twoplayer.two_sample.statistics._permute import Pooled

__all__ = ["Energy"]


@final
class Energy(TwoSampleTest):
    """2 E‖X − Y‖ − E‖X − X′‖ − E‖Y − Y′‖ of the two empirical distributions: at least 0, in the units of the samples.

    On the line it is 2 ∫ (F − G)², the square of `scipy.stats.energy_distance`.
    """

    name: ClassVar[str] = "energy"

    def evidence(self, pooled: Pooled) -> StatisticEvidence:
        (sums,) = pair_sums(pooled, [DistanceKernel(np.sqrt, top=2 * radius(pooled.samples))])
        return StatisticEvidence(-sums.v_statistic)
