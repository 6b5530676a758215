"""Classifier two-sample test with a nearest-neighbour classifier.

Source: Lopez-Paz and Oquab, 2017, "Revisiting classifier two-sample tests", section 3 (accuracy as the statistic, k the
root of the number of samples); Schilling, 1986, "Multivariate two-sample tests based on nearest neighbors" (neighbours
within the pooled sample, permutation test).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar, final

import numpy as np

from twoplayer.core.ranges import Count, within
from twoplayer.two_sample.statistics._base import StatisticEvidence, TwoSampleTest
from twoplayer.two_sample.statistics._distances import between
from twoplayer.two_sample.statistics._permute import Array, Pooled

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = ["ClassifierKnn"]

ROWS = 256
"""Samples whose neighbours are searched at a time."""


@final
class ClassifierKnn(TwoSampleTest):
    """Balanced leave-one-out accuracy of a nearest-neighbour classifier of the set of a sample; ½ is chance.

    Leaving out one sample at a time uses all samples for training and testing. The search for neighbours does not
    depend on the labels, so that retraining the classifier for a permutation costs one count of votes, and the test is
    exact. With sets of equal size and an odd k the vote is the majority; with unequal sizes a neighbourhood votes for
    the set that is more frequent in it than in the pooled samples.

    Args:
        neighbours: k; None takes √N, rounded down and then up to an odd number.
    """

    name: ClassVar[str] = "classifier-knn"

    def __init__(self, *, neighbours: Count | None = None) -> None:
        self.neighbours = None if neighbours is None else within(Count, neighbours=neighbours)

    def evidence(self, pooled: Pooled) -> StatisticEvidence:
        n, m = pooled.counts
        k = min(self.neighbours or math.isqrt(n + m) | 1, n + m - 1)
        labels = pooled.labels.astype(np.float32)
        votes = _neighbourhoods(pooled.samples, k) @ labels
        # +1 where the vote is for the first set, −1 for the second, 0 where it is tied.
        votes = np.sign(votes * (n + m) - k * n)
        right_in_a = np.einsum("ij,ij->j", labels, votes).astype(np.float64)
        right_in_b = right_in_a - votes.sum(0)
        return StatisticEvidence(0.5 + 0.25 * (right_in_a / n + right_in_b / m), details={"neighbours": k})


def _neighbourhoods(samples: Array, k: int) -> csr_array[Any]:
    """The adjacency matrix of the k nearest neighbours, sparse ``(N, N)``; arbitrary among equal distances."""
    from scipy.sparse import csr_array

    count = len(samples)
    nearest = np.empty((count, k), np.int64)
    for start in range(0, count, ROWS):
        rows = np.arange(start, min(start + ROWS, count))
        distances = between(samples[rows], samples)
        distances[rows - start, rows] = np.inf
        nearest[rows] = np.argpartition(distances, k - 1, axis=1)[:, :k]
    ones = np.ones(count * k, np.float32)
    return csr_array((ones, nearest.ravel(), np.arange(0, count * k + 1, k)), shape=(count, count))
