"""How many different samples the generator has, by the birthday paradox: the rarer near-duplicates, the more.

Source: Arora, Risteski, Zhang, 2018, Do GANs learn the distribution? Some theory and empirics, section 3 (1706.08224).
"""

from __future__ import annotations

import math
from typing import ClassVar, final

import numpy as np

from twoplayer.core.errors import UserError
from twoplayer.core.ranges import OpenShare, within
from twoplayer.metrics._base import Array, Estimate, Metric, Need, ReferenceParts
from twoplayer.metrics._nearest import DistancePairs, matrix, nearest

__all__ = ["SupportSize", "support_size"]

LEAST = 4
"""Samples from which the error of a share of pairs can be told."""
ROUNDING = 1e-5
"""Share of the features' spread by which two extractions of one image may differ."""


def support_size(samples: Array, held_out: Array, *, rate: float = 1e-6) -> Estimate:
    """The number of equally likely samples that would repeat themselves as often, of features ``(N, F)``, ``(H, F)``.

    1 / κ, κ being the share of the N(N - 1)/2 pairs of samples that are near-duplicates: closer to each other than all
    but a `rate` of the pairs of held-out real samples, so that real data have a support of 1 / `rate`, a million, where
    there are enough of them to tell (1,400); with fewer, the closest pair of them sets the distance. The paper has
    people look at the closest pairs of a batch, and takes s² where batches of s hold a duplicate every other time; here
    all pairs of all samples count, and real data say what a duplicate is. Where samples are not equally likely the
    figure is below the number of those there are.

    The error is that of κ at that distance, by the variance of U-statistics (Hoeffding 1948). Without any
    near-duplicate the value is the number of pairs, more than which cannot be told apart, and there is no error. Raises
    `UserError` for fewer than 4 samples.
    """
    rows = matrix(samples)
    if len(rows) < LEAST:
        raise UserError(f"pairs of near-duplicates are counted among at least {LEAST} samples, not {len(rows)}")
    counts = _close_counts(rows, _duplicate_distance(held_out, rate))
    total, pairs = len(counts), len(counts) * (len(counts) - 1) / 2
    close = int(counts.sum()) // 2
    if not close:
        return Estimate(pairs)
    return Estimate(pairs / close, pairs / close * _relative_error(counts, total, pairs, close))


@final
class SupportSize(Metric[Array, ReferenceParts]):
    """`support_size` as a metric."""

    figure: ClassVar[str] = "support_size"
    higher_is_better: ClassVar[bool | None] = None
    needs: ClassVar[Need] = "copies"
    least: ClassVar[int] = LEAST

    def __init__(self, *, rate: OpenShare = 1e-6) -> None:
        self.rate: float = within(OpenShare, rate=rate)

    def measure(self, samples: Array, reference: ReferenceParts) -> Estimate:
        return support_size(samples, reference.held_out, rate=self.rate)


def _close_counts(samples: Array, distance: float) -> Array:
    """How many of the other samples ``(N, F)`` lie within `distance` of each one, int64 ``(N,)``."""
    counts = np.zeros(len(samples), np.int64)
    for tile in DistancePairs(samples, samples, np.float64).tiles():  # whose lower bounds are 1e-13 below the squares
        close = tile.low <= distance**2
        if tile.rows == tile.columns:
            np.fill_diagonal(close, False)
        else:  # each pair is met once
            counts[tile.columns] += close.sum(0)
        counts[tile.rows] += close.sum(1)
    return counts


def _relative_error(counts: Array, total: int, pairs: float, close: int) -> float:
    """Standard error of κ over κ: Var U = (4(N - 2)ζ₁ + 2ζ₂) / (N(N - 1)), with unbiased estimates of both ζ."""
    rate = close / pairs
    sharing = int((counts * (counts - 1)).sum())  # ordered pairs of close pairs with one sample in common
    together = sharing / (2 * pairs * (total - 2))
    apart = (close * (close - 1) - sharing) / (pairs * (total - 2) * (total - 3) / 2)
    uneven = max(0.0, together - apart)  # ζ₁, the variance of a sample's chance to have a duplicate
    variance = (4 * (total - 2) * uneven + 2 * rate * (1 - rate)) / (2 * pairs)
    return math.sqrt(variance) / rate


def _duplicate_distance(held_out: Array, rate: float) -> float:
    """The distance within which a `rate` of the pairs of held-out samples lie, and at least one does."""
    count = len(held_out)
    # That rare, both samples of a close pair are each other's nearest.
    rank = min(count, max(1, math.ceil(rate * count * (count - 1))))
    nearest_other = np.partition(nearest(held_out, held_out, 1, exclude_self=True).distances[:, 0], rank - 1)
    spread = math.sqrt(float(np.asarray(held_out, np.float64).var(0).sum()))
    return max(float(nearest_other[rank - 1]), ROUNDING * spread)
