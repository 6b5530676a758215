"""Sums of kernels over pairs of samples, for all labellings at once, exact but for the kernel's own rounding."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from twoplayer.two_sample.statistics._distances import some_distances, tiles
from twoplayer.two_sample.statistics._permute import Array, Pooled

__all__ = ["DistanceKernel", "PairSums", "gaussian", "median_width", "pair_sums"]

EXACT_BITS = 52
"""Whole numbers of so many bits are added in float64 without rounding."""


@dataclass(frozen=True)
class DistanceKernel:
    """A function of squared distances, elementwise, whose values lie in [0, top]."""

    of: Callable[[Array], Array]
    top: float = 1.0


@dataclass(frozen=True, eq=False)
class PairSums:
    """Sums over ordered pairs of different samples, float64 ``(B + 1,)``, one for each labelling."""

    within_a: Array
    within_b: Array
    between: Array
    """Over pairs of one sample of the first set and one of the second, each counted once."""
    counts: tuple[int, int]

    @property
    def unbiased(self) -> Array:
        """Σ_A/(n(n−1)) + Σ_B/(m(m−1)) − 2 Σ_AB/(nm): for a kernel k, the U-statistic of MMD²."""
        n, m = self.counts
        return self.within_a / (n * (n - 1)) + self.within_b / (m * (m - 1)) - 2 * self.between / (n * m)

    @property
    def plugged_in(self) -> Array:
        """Σ_A/n² + Σ_B/m² − 2 Σ_AB/(nm), the V-statistic of a kernel that is zero between equal samples."""
        n, m = self.counts
        return self.within_a / n**2 + self.within_b / m**2 - 2 * self.between / (n * m)


def gaussian(width: float) -> DistanceKernel:
    """exp(−‖x − y‖² / (2 width²))."""
    return DistanceKernel(lambda squared: np.exp(squared * (-0.5 / width**2)))


def median_width(samples: Array) -> float:
    """The median distance between two samples that differ (Gretton et al. 2012, section 8); 1 where none do."""
    distances = some_distances(samples)
    return float(np.median(distances)) if len(distances) else 1.0


def pair_sums(pooled: Pooled, kernels: Sequence[DistanceKernel]) -> list[PairSums]:
    """The sums of each kernel: every value is computed once, and all labellings are columns of one product.

    Values are rounded to a grid so fine that each sum of them fits into float64 as a whole number. So the sums depend
    neither on tiles nor on threads nor on the order of the samples, and labellings that differ by the exchange of equal
    samples tie exactly. The grid has steps of 2⁻²⁸ of the largest value for 4,000 pooled samples.
    """
    labels = pooled.labels.astype(np.float64)
    count = len(labels)
    grids = [2.0 ** math.floor(EXACT_BITS - math.log2((kernel.top or 1.0) * count**2)) for kernel in kernels]
    within = np.zeros((len(kernels), labels.shape[1]))
    rows_of = np.zeros((len(kernels), count))
    for rows, columns, squared in tiles(pooled.samples):
        diagonal = rows == columns
        for i, (kernel, grid) in enumerate(zip(kernels, grids, strict=True)):
            values = np.rint(kernel.of(squared) * grid)
            rows_of[i, columns] += values.sum(0)
            if diagonal:
                rows_of[i, rows] -= values.diagonal()
                np.fill_diagonal(values, 0)
            else:
                rows_of[i, rows] += values.sum(1)
            share = np.einsum("ij,ij->j", labels[rows], values @ labels[columns])
            within[i] += share if diagonal else 2 * share
    return [
        _sums(a / grid, (rows @ labels) / grid, rows.sum() / grid, pooled.counts)
        for a, rows, grid in zip(within, rows_of, grids, strict=True)
    ]


def _sums(within_a: Array, from_a: Array, total: float, counts: tuple[int, int]) -> PairSums:
    """From Σ over pairs in A, over pairs that start in A, and over all."""
    return PairSums(within_a, total - 2 * from_a + within_a, from_a - within_a, counts)
