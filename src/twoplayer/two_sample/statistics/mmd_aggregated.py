"""Maximum mean discrepancy at many kernel widths, aggregated into one test of the right level.

Source: Schrab, Kim, Albert, Laurent, Guedj and Gretton, 2023 (arXiv 2021), "MMD aggregated two-sample test",
algorithm 1: the test rejects if any width rejects at level u·weight, u as large as the level of the whole allows.
"""

from __future__ import annotations

from typing import ClassVar, final

import numpy as np

from twoplayer.core.ranges import Count, within
from twoplayer.two_sample.statistics._base import StatisticEvidence, TwoSampleTest
from twoplayer.two_sample.statistics._distances import some_distances
from twoplayer.two_sample.statistics._pairs import gaussian, pair_sums
from twoplayer.two_sample.statistics._permute import Array, Pooled

__all__ = ["MmdAggregated"]


@final
class MmdAggregated(TwoSampleTest):
    """The smallest of the widths' p-values, itself held against those of the permutations.

    The `widths` Gaussian kernels have equal weights and widths in geometric progression, from half the 5 % quantile of
    the distances between samples of both sets to twice their 95 % quantile.

    The paper corrects the level with a second set of permutations and bisection. Here all is done on one set: at every
    width each labelling, the true one among them, gets its rank among all; the labellings are compared by their best
    rank (by their mean rank where the best ones tie). The true labelling's place in that order is the smallest level
    at which the aggregated test rejects. Since the order treats all labellings alike, the level is exact, as it is for
    any permutation test.

    The statistic shown is the unbiased MMD² at the width of the best rank.
    """

    name: ClassVar[str] = "mmd-aggregated"

    def __init__(self, *, widths: Count = 10) -> None:
        self.widths = within(Count, widths=widths)

    def weigh(self, pooled: Pooled) -> StatisticEvidence:
        widths = self._widths(pooled.samples)
        statistics = np.stack([sums.unbiased for sums in pair_sums(pooled, [gaussian(w) for w in widths])])
        ranks = np.stack([_ranks(row) for row in statistics])
        best = int(ranks[:, 0].argmin())
        # A best rank is a whole number and the mean rank adds less than one.
        worse = ranks.min(0) + ranks.sum(0) / (len(ranks) * (ranks.shape[1] + 1))
        details = {"width": float(widths[best]), "least_p_value": float(ranks[best, 0] / ranks.shape[1])}
        return StatisticEvidence(-worse, shown=float(statistics[best, 0]), details=details)

    def _widths(self, samples: Array) -> Array:
        distances = some_distances(samples)
        if not len(distances):
            return np.ones(1)
        low, high = np.quantile(distances, [0.05, 0.95])
        return np.geomspace(low / 2, high * 2, self.widths)


def _ranks(statistics: Array) -> Array:
    """How many statistics are at least as large, itself among them: 1 for the largest; ``(B + 1,)``."""
    return np.asarray(len(statistics) - np.searchsorted(np.sort(statistics), statistics, side="left"))
