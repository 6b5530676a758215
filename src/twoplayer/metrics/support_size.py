"""Estimated number of distinct samples of a generator, from the frequency of near-duplicates (birthday paradox).

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

MIN_SAMPLES = 4
"""Smallest number of samples for which the variance of a share of pairs can be estimated."""
ROUNDING = 1e-5
"""Largest difference between two extractions of one image, relative to the spread of the features."""


def support_size(samples: Array, held_out: Array, *, rate: float = 1e-6) -> Estimate:
    """1 / κ, with κ the share of near-duplicates among pairs of samples; features ``(N, F)`` and ``(H, F)``.

    For a uniform distribution on S samples 1 / κ estimates S; for others it is smaller than the size of the support. A
    pair is a near-duplicate where its distance is within the smallest `rate` of distances between pairs of held-out
    real samples, so that real data have a support size of 1 / `rate`, a million, given at least 1,400 of them; with
    fewer the closest pair sets the distance. In the paper people judge the closest pairs of a batch, and the estimate
    is s² where half of the batches of size s contain a duplicate; here all pairs count.

    The error is that of κ at a fixed distance, by the variance of U-statistics (Hoeffding 1948). Without any
    near-duplicate the value is the number of pairs, a lower bound, without an error. Raises `UserError` for fewer than
    4 samples.
    """
    rows = matrix(samples)
    if len(rows) < MIN_SAMPLES:
        raise UserError(f"near-duplicates are counted among at least {MIN_SAMPLES} samples, not {len(rows)}")
    counts = _close_counts(rows, _duplicate_distance(held_out, rate))
    total, pairs = len(counts), len(counts) * (len(counts) - 1) / 2
    close = int(counts.sum()) // 2
    if not close:
        return Estimate(pairs)
    return Estimate(pairs / close, pairs / close * _relative_error(counts, total, pairs, close))


@final
class SupportSize(Metric[Array, ReferenceParts]):
    """`support_size` as a metric.

    Args:
        rate: share of the pairs of held-out real samples that count as near-duplicates.
    """

    name: ClassVar[str] = "support_size"
    higher_is_better: ClassVar[bool | None] = None
    needs: ClassVar[Need] = "copies"
    min_samples: ClassVar[int] = MIN_SAMPLES

    def __init__(self, *, rate: OpenShare = 1e-6) -> None:
        self.rate: float = within(OpenShare, rate=rate)

    def measure(self, samples: Array, reference: ReferenceParts) -> Estimate:
        return support_size(samples, reference.held_out, rate=self.rate)


def _close_counts(samples: Array, distance: float) -> Array:
    """How many of the other samples ``(N, F)`` lie within `distance` of each one, int64 ``(N,)``."""
    counts = np.zeros(len(samples), np.int64)
    for tile in DistancePairs(
        samples, samples, np.float64
    ).tiles():  # in float64 lower bounds are 1e-13 below the squares
        close = tile.low <= distance**2
        if tile.rows == tile.columns:
            np.fill_diagonal(close, False)
        else:  # tiles above the diagonal stand for both orders of a pair
            counts[tile.columns] += close.sum(0)
        counts[tile.rows] += close.sum(1)
    return counts


def _relative_error(counts: Array, total: int, pairs: float, close: int) -> float:
    """Standard error of κ over κ: Var U = (4(N - 2)ζ₁ + 2ζ₂) / (N(N - 1)), with unbiased estimates of both ζ."""
    rate = close / pairs
    sharing = int((counts * (counts - 1)).sum())  # ordered pairs of close pairs with one sample in common
    together = sharing / (2 * pairs * (total - 2))
    independent = (close * (close - 1) - sharing) / (pairs * (total - 2) * (total - 3) / 2)
    zeta_1 = max(0.0, together - independent)  # variance over samples of the probability of a duplicate
    variance = (4 * (total - 2) * zeta_1 + 2 * rate * (1 - rate)) / (2 * pairs)
    return math.sqrt(variance) / rate


def _duplicate_distance(held_out: Array, rate: float) -> float:
    """The distance that a share `rate` of the pairs of held-out samples, and at least one pair, does not exceed."""
    count = len(held_out)
    # At such small rates both samples of a close pair are each other's nearest neighbours.
    rank = min(count, max(1, math.ceil(rate * count * (count - 1))))
    nearest_other = np.partition(nearest(held_out, held_out, 1, exclude_self=True).distances[:, 0], rank - 1)
    spread = math.sqrt(float(np.asarray(held_out, np.float64).var(0).sum()))
    return max(float(nearest_other[rank - 1]), ROUNDING * spread)
