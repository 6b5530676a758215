"""Difference in variances; does not detect other differences.

Source: Good, 2005, "Permutation, parametric and bootstrap tests of hypotheses".
"""

from __future__ import annotations

from typing import ClassVar, final

import numpy as np

from twoplayer.two_sample.statistics._base import StatisticEvidence, TwoSampleTest
from twoplayer.two_sample.statistics._columns import standardized
from twoplayer.two_sample.statistics._permute import Pooled

__all__ = ["Variances"]


@final
class Variances(TwoSampleTest):
    """The length of the vector of differences between the variances of the coordinates.

    The variances are unbiased, around the mean of each set and in units of the variance over both sets.
    """

    name: ClassVar[str] = "variances"

    def evidence(self, pooled: Pooled) -> StatisticEvidence:
        n, m = pooled.counts
        labels = pooled.labels.astype(np.float64)
        squares = np.zeros(labels.shape[1])
        for columns in standardized(pooled.samples):
            first, second = columns.T @ labels, np.square(columns).T @ labels
            of_a = (second - first**2 / n) / (n - 1)
            # In each column the values of both sets sum to 0 and the squares to N.
            of_b = (len(columns) - second - first**2 / m) / (m - 1)
            squares += np.square(of_a - of_b).sum(0)
        return StatisticEvidence(np.sqrt(squares))
