"""Difference in means; does not detect other differences.

Source: Good, 2005, "Permutation, parametric and bootstrap tests of hypotheses".
"""

from __future__ import annotations

from typing import ClassVar, final

import numpy as np

from twoplayer.two_sample.statistics._base import StatisticEvidence, TwoSampleTest
from twoplayer.two_sample.statistics._columns import standardized
from twoplayer.two_sample.statistics._permute import Pooled

__all__ = ["Means"]


@final
class Means(TwoSampleTest):
    """The distance between the means, with coordinates in units of their standard deviation over both sets."""

    name: ClassVar[str] = "means"

    def evidence(self, pooled: Pooled) -> StatisticEvidence:
        n, m = pooled.counts
        labels = pooled.labels.astype(np.float64)
        squares = np.zeros(labels.shape[1])
        for columns in standardized(pooled.samples):
            # The columns sum to zero, so that the sums over both sets differ in sign only.
            squares += np.square((columns.T @ labels) * (1 / n + 1 / m)).sum(0)
        return StatisticEvidence(np.sqrt(squares))
