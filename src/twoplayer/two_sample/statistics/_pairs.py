"""Sums of kernels over pairs of samples for all labellings at once, exact up to rounding of kernel values."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from twoplayer.two_sample.statistics._distances import subset_distances, tiles
from twoplayer.two_sample.statistics._permute import Array, Pooled

__all__ = ["DistanceKernel", "PairSums", "gaussian", "median_width", "pair_sums"]

EXACT_BITS = 52
"""Whole numbers with this number of bits are added in float64 without rounding."""


@dataclass(frozen=True)
class DistanceKernel:
    """An elementwise function of squared distances with values in [0, top]."""

    function: Callable[[Array], Array]
    top: float = 1.0


@dataclass(frozen=True, eq=False)
class PairSums:
    """Sums over ordered pairs of different samples for each labelling, float64 ``(B + 1,)``."""

    within_a: Array
    within_b: Array
    between: Array
    """Over pairs of a sample of the first set and one of the second, each counted once."""
    counts: tuple[int, int]

    @property
    def unbiased(self) -> Array:
        """Σ_A/(n(n−1)) + Σ_B/(m(m−1)) − 2 Σ_AB/(nm): for a kernel k, the U-statistic of MMD²."""
        n, m = self.counts
        return self.within_a / (n * (n - 1)) + self.within_b / (m * (m - 1)) - 2 * self.between / (n * m)

    @property
    def v_statistic(self) -> Array:
        """Σ_A/n² + Σ_B/m² − 2 Σ_AB/(nm), the V-statistic of a kernel that is zero between equal samples."""
        n, m = self.counts
        return self.within_a / n**2 + self.within_b / m**2 - 2 * self.between / (n * m)


def gaussian(width: float) -> DistanceKernel:
    """exp(−‖x − y‖² / (2 width²))."""
    return DistanceKernel(lambda squared: np.exp(squared * (-0.5 / width**2)))


def median_width(samples: Array) -> float:
    """The median non-zero distance between samples (Gretton et al. 2012, section 8); 1 where all are equal."""
    distances = subset_distances(samples)
    return float(np.median(distances)) if len(distances) else 1.0


def pair_sums(pooled: Pooled, kernels: Sequence[DistanceKernel]) -> list[PairSums]:
    """The sums for each kernel; kernel values are computed once, and all labellings are columns of one product.

    Kernel values are rounded to a grid on which their sums are exact in float64. So the sums depend neither on tiles
    nor on threads nor on the order of the samples, and labellings that differ by an exchange of equal samples tie
    exactly. The grid has steps of 2⁻²⁸ of the largest value for 4,000 pooled samples.
    """
    labels = pooled.labels.astype(np.float64)
    count = len(labels)
    grids = [2.0 ** math.floor(EXACT_BITS - math.log2((kernel.top or 1.0) * count**2)) for kernel in kernels]
    within = np.zeros((len(kernels), labels.shape[1]))
    rows_of = np.zeros((len(kernels), count))
    for rows, columns, squared in tiles(pooled.samples):
        diagonal = rows == columns
        for i, (kernel, grid) in enumerate(zip(kernels, grids, strict=True)):
            values = np.rint(kernel.function(squared) * grid)
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
    """`PairSums` from the sums over pairs within A, over pairs whose first sample is in A, and over all pairs."""
    return PairSums(within_a, total - 2 * from_a + within_a, from_a - within_a, counts)
