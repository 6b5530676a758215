"""Difference in means: blind to everything else.

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
    """The distance between the means, each coordinate in units of its standard deviation over both sets."""

    name: ClassVar[str] = "means"

    def weigh(self, pooled: Pooled) -> StatisticEvidence:
        n, m = pooled.counts
        labels = pooled.labels.astype(np.float64)
        squares = np.zeros(labels.shape[1])
        for columns in standardized(pooled.samples):
            # The columns sum to zero: what the first set sums to, the second lacks.
            squares += np.square((columns.T @ labels) * (1 / n + 1 / m)).sum(0)
        return StatisticEvidence(np.sqrt(squares))
