"""Maximum mean discrepancy at many kernel widths, aggregated into one test of the right level.

Source: Schrab, Kim, Albert, Laurent, Guedj and Gretton, 2023 (arXiv 2021), "MMD aggregated two-sample test",
algorithm 1: the test rejects if any width rejects at level u·weight, u as large as the level of the whole allows.
"""

from __future__ import annotations

from typing import ClassVar, final

import numpy as np

from twoplayer.core.ranges import Count, within
from twoplayer.two_sample.statistics._base import StatisticEvidence, TwoSampleTest
from twoplayer.two_sample.statistics._distances import subset_distances
from twoplayer.two_sample.statistics._pairs import gaussian, pair_sums
from twoplayer.two_sample.statistics._permute import Array, Pooled

__all__ = ["MmdAggregated"]


@final
class MmdAggregated(TwoSampleTest):
    """The smallest p-value over kernel widths, corrected by its own permutation distribution.

    The Gaussian kernels have equal weights and widths in geometric progression, from half the 5 % quantile of the
    distances between pooled samples to twice their 95 % quantile.

    The paper corrects the level with a second set of permutations and bisection. Here one set suffices: at every width
    each labelling, including the true one, is ranked among all; labellings are ordered by their best rank, and by their
    mean rank for ties. The rank of the true labelling in that order is the smallest level at which the aggregated test
    rejects. The order is symmetric in the labellings, so that the level is exact, as for any permutation test.

    The reported statistic is the unbiased MMD² at the width of the best rank.

    Args:
        widths: number of kernel widths.
    """

    name: ClassVar[str] = "mmd-aggregated"

    def __init__(self, *, widths: Count = 10) -> None:
        self.widths = within(Count, widths=widths)

    def evidence(self, pooled: Pooled) -> StatisticEvidence:
        widths = self._widths(pooled.samples)
        statistics = np.stack([sums.unbiased for sums in pair_sums(pooled, [gaussian(w) for w in widths])])
        ranks = np.stack([_ranks(row) for row in statistics])
        best = int(ranks[:, 0].argmin())
        # A best rank is a whole number and the mean rank adds less than one.
        worse = ranks.min(0) + ranks.sum(0) / (len(ranks) * (ranks.shape[1] + 1))
        details = {"width": float(widths[best]), "smallest_p_value": float(ranks[best, 0] / ranks.shape[1])}
        return StatisticEvidence(-worse, reported=float(statistics[best, 0]), details=details)

    def _widths(self, samples: Array) -> Array:
        distances = subset_distances(samples)
        if not len(distances):
            return np.ones(1)
        low, high = np.quantile(distances, [0.05, 0.95])
        return np.geomspace(low / 2, high * 2, self.widths)


def _ranks(statistics: Array) -> Array:
    """Ranks of statistics ``(B + 1,)``: 1 for the largest; ties get the largest rank among them."""
    return np.asarray(len(statistics) - np.searchsorted(np.sort(statistics), statistics, side="left"))
