"""The maximum mean discrepancy, squared, over all pairs of samples in tiles, with its standard error.

Source: Gretton, Borgwardt, Rasch, Schölkopf, Smola, 2012, A kernel two-sample test, lemma 6 (the estimate); Sutherland,
2019, Unbiased estimators for the variance of MMD estimators (the terms of its variance).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import final

import numpy as np

from twoplayer.core.errors import UserError
from twoplayer.metrics._base import Array, Estimate, ReferenceFeatures
from twoplayer.metrics._jackknife import shuffled
from twoplayer.metrics._nearest import matrices, matrix, strips

__all__ = ["GaussianKernel", "Kernel", "PolynomialKernel", "between", "mean_discrepancy", "median_distance", "mmd"]

TILE = 2048
"""Rows and columns of a tile: 32 MiB in float64."""
MEDIAN_SAMPLES = 1000
"""Samples whose distances determine the median distance."""


class Kernel(ABC):
    """A positive definite function of two feature vectors."""

    @abstractmethod
    def __call__(self, a: Array, b: Array) -> Array:
        """Values ``(N, M)`` for float64 features ``(N, F)`` and ``(M, F)``, from which `centre` has been subtracted."""

    @abstractmethod
    def centre(self, features: Array) -> Array:
        """An offset ``(F,)`` to subtract from features, which reduces cancellation."""


@final
@dataclass(frozen=True)
class PolynomialKernel(Kernel):
    """(x·y/F + 1)^degree."""

    degree: int = 3

    def __call__(self, a: Array, b: Array) -> Array:
        base = a @ b.T
        base /= a.shape[1]
        base += 1
        power = base.copy()
        for _ in range(self.degree - 1):
            power *= base
        return power

    def centre(self, features: Array) -> Array:
        return np.zeros(features.shape[1])


@final
@dataclass(frozen=True)
class GaussianKernel(Kernel):
    """exp(-‖x - y‖² / (2 width²))."""

    width: float

    def __call__(self, a: Array, b: Array) -> Array:
        exponent = 2 * a @ b.T
        exponent -= np.einsum("nf,nf->n", a, a)[:, None]
        exponent -= np.einsum("nf,nf->n", b, b)
        exponent /= 2 * self.width**2
        np.minimum(exponent, 0, out=exponent)
        np.exp(exponent, out=exponent)
        return np.asarray(exponent)

    def centre(self, features: Array) -> Array:
        return np.asarray(features.mean(0, dtype=np.float64))


@dataclass(frozen=True, eq=False)
class WithinSet:
    """Statistics of the kernel between the samples of one set."""

    rows: Array
    """Mean over the other samples, for each of N, ``(N,)``."""
    diagonal: float
    """Mean value of the kernel of a sample with itself."""
    square: float
    """Mean square over pairs of different samples."""

    @property
    def noise(self) -> float:
        """Variance of the kernel that the two projections onto one sample do not explain."""
        return max(0.0, self.square - 2 * float((self.rows**2).mean()) + float(self.rows.mean()) ** 2)


@dataclass(frozen=True, eq=False)
class BetweenSets:
    """Statistics of the kernel between the samples of two sets."""

    rows: Array
    """Mean over the second set, for each sample of the first, ``(N,)``."""
    columns: Array
    """Mean over the first set, for each sample of the second, ``(M,)``."""
    square: float

    @property
    def noise(self) -> float:
        parts = float((self.rows**2).mean()) + float((self.columns**2).mean())
        return max(0.0, self.square - parts + float(self.rows.mean()) ** 2)


def mmd(features: Array, real: Array, kernel: Kernel, *, unbiased: bool = True) -> Estimate:
    """MMD² between features ``(N, F)`` and ``(M, F)``; see `mean_discrepancy`."""
    a, b = _pair(features, real)
    centre = kernel.centre(b)
    within = (_within(a, kernel, centre), _within(b, kernel, centre))
    return mean_discrepancy(*within, _between(a, b, kernel, centre), unbiased=unbiased)


def between(features: Array, real: ReferenceFeatures, kernel: Kernel, *, unbiased: bool = True) -> Estimate:
    """`mmd` with the kernel statistics of the real samples cached in the reference."""
    a, b = _pair(features, real.features)
    centre = kernel.centre(b)
    real_within = real.shared(f"within {kernel}", real.feature_set, lambda: _within(b, kernel, centre))
    return mean_discrepancy(_within(a, kernel, centre), real_within, _between(a, b, kernel, centre), unbiased=unbiased)


def mean_discrepancy(a: WithinSet, b: WithinSet, across: BetweenSets, *, unbiased: bool = True) -> Estimate:
    """E k(x, x') + E k(y, y') - 2 E k(x, y), over pairs of different samples; with `unbiased` False over all pairs.

    The error is that over draws of both sets. By Hoeffding's decomposition the variance is 4ζ/N for the terms of single
    samples and 2σ²/N(N-1) and 4σ²/NM for the terms of pairs. The empirical variances of the single-sample terms contain
    the pair terms twice, so these are subtracted once. The formula also holds where both distributions are equal.
    """
    n, m = len(a.rows), len(b.rows)
    inside_a, inside_b = float(a.rows.mean()), float(b.rows.mean())
    if not unbiased:
        inside_a += (a.diagonal - inside_a) / n
        inside_b += (b.diagonal - inside_b) / m
    value = inside_a + inside_b - 2 * float(across.rows.mean())
    pairs = 2 * a.noise / (n * (n - 1)) + 2 * b.noise / (m * (m - 1)) + 4 * across.noise / (n * m)
    samples = 4 * (a.rows - across.rows).var(ddof=1) / n + 4 * (b.rows - across.columns).var(ddof=1) / m
    return Estimate(value, math.sqrt(max(float(samples) - pairs, pairs)))


def median_distance(features: Array) -> float:
    """The median distance between two of 1,000 of the samples ``(N, F)``, N at least 2.

    Raises `UserError` where more than half of the distances are 0.
    """
    from scipy.spatial.distance import pdist

    rows = matrix(features)
    subset = rows[np.sort(shuffled(rows)[:MEDIAN_SAMPLES])].astype(np.float64)
    median = float(np.median(pdist(subset)))
    if median == 0:
        raise UserError("most real samples have equal features, so that the median distance is 0: set the option width")
    return median


def _within(features: Array, kernel: Kernel, centre: Array) -> WithinSet:
    count = len(features)
    sums, diagonal, square = np.zeros(count), 0.0, 0.0
    for rows in strips(count, TILE):
        a = features[rows] - centre
        for columns in strips(count, TILE, rows.start):
            tile = kernel(a, a if columns == rows else features[columns] - centre)
            if columns == rows:
                diagonal += float(np.trace(tile))
                np.fill_diagonal(tile, 0)
                square += float(np.vdot(tile, tile))
            else:
                sums[columns] += tile.sum(0)
                square += 2 * float(np.vdot(tile, tile))
            sums[rows] += tile.sum(1)
    return WithinSet(sums / (count - 1), diagonal / count, square / (count * (count - 1)))


def _between(features: Array, real: Array, kernel: Kernel, centre: Array) -> BetweenSets:
    n, m = len(features), len(real)
    sums_a, sums_b, square = np.zeros(n), np.zeros(m), 0.0
    for rows in strips(n, TILE):
        a = features[rows] - centre
        for columns in strips(m, TILE):
            tile = kernel(a, real[columns] - centre)
            sums_a[rows] += tile.sum(1)
            sums_b[columns] += tile.sum(0)
            square += float(np.vdot(tile, tile))
    return BetweenSets(sums_a / m, sums_b / n, square / (n * m))


def _pair(features: Array, real: Array) -> tuple[Array, Array]:
    a, b = matrices(features, real)
    if min(len(a), len(b)) < 2:
        raise UserError(f"pairs need at least 2 samples on either side, not {len(a)} and {len(b)}")
    return a, b
