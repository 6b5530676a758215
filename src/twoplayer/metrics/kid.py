"""Kernel distance between samples and real data: the squared MMD of a polynomial kernel, unbiased.

Source: Bińkowski, Sutherland, Arbel, Gretton, 2018, Demystifying MMD GANs, section 4; with Inception's 2,048 features
it is the kernel Inception distance, KID.
"""

from __future__ import annotations

import math
from typing import ClassVar, final

import numpy as np

from twoplayer.core.errors import UserError
from twoplayer.core.ranges import Count, NonNegativeCount, within
from twoplayer.metrics._base import Array, Estimate, Metric, Need, ReferenceFeatures
from twoplayer.metrics._jackknife import by_content
from twoplayer.metrics._mmd import PolynomialKernel, between, mmd
from twoplayer.metrics._nearest import matrix

__all__ = ["Kid", "kid"]

PUBLISHED_SUBSET_SIZE = 1000


def kid(features: Array, real: Array, *, subsets: int = 0, subset_size: int | None = None) -> Estimate:
    """MMD² with (x·y/F + 1)³ between features ``(N, F)`` and ``(M, F)``; 0 on average where both have one distribution.

    Args:
        features: samples ``(N, F)``.
        real: real samples ``(M, F)``.
        subsets: 0 averages over all pairs of different samples, with the error over draws of both sets. Another number
            averages, as published, over so many random subsets of either set; the error is then
            σ √(size/min(N, M) + 1/subsets), at most σ, with σ the standard deviation over subsets.
        subset_size: samples of a subset; None takes 1,000, or half of the smaller set where that is below 1,000.

    Raises:
        UserError: for subsets larger than a set.
    """
    if not subsets:
        return mmd(features, real, PolynomialKernel())
    smaller = min(len(features), len(real))
    size = max(2, smaller // 2) if smaller < PUBLISHED_SUBSET_SIZE else PUBLISHED_SUBSET_SIZE
    return _over_subsets(matrix(features), matrix(real), subsets, size if subset_size is None else subset_size)


@final
class Kid(Metric[Array, ReferenceFeatures]):
    """`kid` as a metric.

    Args:
        subsets: number of random subsets of the published estimate; 0 uses all pairs.
        subset_size: samples of a subset; None takes 1,000, or half of the smaller set where that is below 1,000.
    """

    name: ClassVar[str] = "kid"
    higher_is_better: ClassVar[bool | None] = False
    needs: ClassVar[Need] = "features"
    protocol_samples: ClassVar[int] = 2  # unbiased: fewer samples only enlarge the error

    def __init__(self, *, subsets: NonNegativeCount = 0, subset_size: Count | None = None) -> None:
        self.subsets: int = within(NonNegativeCount, subsets=subsets)
        self.subset_size: int | None = None if subset_size is None else within(Count, subset_size=subset_size)

    def measure(self, samples: Array, reference: ReferenceFeatures) -> Estimate:
        if not self.subsets:
            return between(samples, reference, PolynomialKernel())
        return kid(samples, reference.features, subsets=self.subsets, subset_size=self.subset_size)


def _over_subsets(features: Array, real: Array, subsets: int, size: int) -> Estimate:
    smaller = min(len(features), len(real))
    if not 2 <= size <= smaller:
        raise UserError(
            f"subsets of {size} cannot be drawn from {smaller} samples: choose subset_size from 2 to {smaller}"
        )
    random, order, real_order = np.random.default_rng(0), by_content(features), by_content(real)
    rows = (
        (random.choice(order, size, replace=False), random.choice(real_order, size, replace=False))
        for _ in range(subsets)
    )
    values = np.array([mmd(features[a], real[b], PolynomialKernel()).value for a, b in rows])
    if subsets == 1:
        return Estimate(float(values[0]))
    deviation = float(values.std(ddof=1))
    return Estimate(float(values.mean()), deviation * min(1.0, math.sqrt(size / smaller + 1 / subsets)))
