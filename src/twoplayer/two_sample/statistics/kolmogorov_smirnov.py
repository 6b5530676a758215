"""Largest distance between distribution functions over all coordinates.

Source: Kolmogorov, 1933, and Smirnov, 1939, for one coordinate; Westfall and Young, 1993, "Resampling-based multiple
testing", for the largest over several.
"""

from __future__ import annotations

from typing import ClassVar, final

import numpy as np

from twoplayer.two_sample.statistics._base import StatisticEvidence, TwoSampleTest
from twoplayer.two_sample.statistics._permute import Array, Pooled

__all__ = ["KolmogorovSmirnov"]


@final
class KolmogorovSmirnov(TwoSampleTest):
    """max_j sup_t |F_j(t) − G_j(t)|, in [0, 1]; with one coordinate the statistic of `scipy.stats.ks_2samp`.

    Permutations keep the coordinates of a sample together, so that the correction for the number of coordinates
    accounts for their dependence. The test does not detect differences that leave all marginal distributions
    equal, and takes at most 64 coordinates.
    """

    name: ClassVar[str] = "kolmogorov-smirnov"
    max_dimensions: ClassVar[int | None] = 64

    def evidence(self, pooled: Pooled) -> StatisticEvidence:
        n, m = pooled.counts
        # In whole numbers, N·#A(≤ t) − n·#(≤ t) is n·m·(F − G), so that equal distances tie exactly.
        exact = np.int32 if (n + m) ** 2 < 2**31 else np.int64
        labels = pooled.labels.astype(exact)
        gaps = np.stack([_largest_gap(column, labels, n) for column in pooled.samples.T])
        return StatisticEvidence(gaps.max(0) / (n * m), details={"coordinate": int(gaps[:, 0].argmax())})


def _largest_gap(column: Array, labels: Array, n: int) -> Array:
    """n·m·sup |F − G| for each labelling."""
    order = np.argsort(column, kind="stable")
    steps = np.append(np.diff(column[order]) > 0, False)  # compared between distinct values only
    if not steps.any():
        return np.zeros(labels.shape[1], labels.dtype)
    gaps = np.cumsum(labels[order], axis=0, dtype=labels.dtype)[steps]
    gaps *= len(column)
    gaps -= (n * np.arange(1, len(column) + 1, dtype=labels.dtype)[steps])[:, None]
    return np.asarray(np.abs(gaps, out=gaps).max(0))
