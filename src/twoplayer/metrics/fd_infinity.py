"""Fréchet distance extrapolated to infinitely many samples, to remove its bias.

Source: Chong, Forsyth, 2020, Effectively unbiased FID and Inception score and where to find them, section 4 (FID∞).
"""

from __future__ import annotations

import math
from typing import ClassVar, final

import numpy as np

from twoplayer.core.errors import UserError
from twoplayer.metrics._base import Array, Estimate, Metric, Moments, Need, ReferenceFeatures
from twoplayer.metrics._frechet import as_moments, frechet_distance, moments
from twoplayer.metrics._jackknife import by_content
from twoplayer.metrics._nearest import matrix
from twoplayer.metrics.fd import fd

__all__ = ["FdInfinity", "fd_infinity"]

SIZES = 15
"""Number of sample sizes of the regression."""
MIN_SAMPLES = 100


def fd_infinity(features: Array, real: Array | Moments) -> Estimate:
    """The limit of the Fréchet distance of features ``(N, F)``, N at least 100, for N → ∞; may be negative by chance.

    Distances of random subsets of 15 sizes up to N are regressed on 1/N, and the line is evaluated at 0. The smallest
    size is N/10, or 2.5F where that is larger, because the relation is not linear below, but at most N/2: in 2,048
    dimensions the paper uses 5,000 to 50,000. Only the bias due to the samples is removed, not that of `real`, features
    ``(M, F)`` or their moments. The error follows from that of `fd` by each sample's weight in the regression.
    """
    rows, reference = matrix(features), as_moments(real)
    return _extrapolated(rows, reference, fd(rows, reference))


@final
class FdInfinity(Metric[Array, ReferenceFeatures]):
    """`fd_infinity` as a metric."""

    name: ClassVar[str] = "fd_infinity"
    higher_is_better: ClassVar[bool | None] = False
    needs: ClassVar[Need] = "features"
    min_samples: ClassVar[int] = MIN_SAMPLES

    def measure(self, samples: Array, reference: ReferenceFeatures) -> Estimate:
        full = reference.shared("fd", samples, lambda: fd(samples, reference.moments))
        return _extrapolated(matrix(samples), reference.moments, full)


def _extrapolated(rows: Array, real: Moments, full: Estimate) -> Estimate:
    count = len(rows)
    if count < MIN_SAMPLES:
        raise UserError(f"the Fréchet distance needs at least {MIN_SAMPLES} samples, not {count}")
    smallest = max(count / 10, min(2.5 * rows.shape[1], count / 2))
    sizes = np.linspace(smallest, count, SIZES).round().astype(int)
    # The intercept of a least squares line is a weighted sum of the values.
    line = np.linalg.pinv(np.stack([np.ones(SIZES), 1 / sizes], axis=1))[0]
    order, random = by_content(rows), np.random.default_rng(0)
    distances, weights = np.empty(SIZES), np.zeros(count)
    for place, size in enumerate(sizes):
        rows_of_size = np.sort(random.choice(order, size, replace=False))
        distances[place] = full.value if size == count else frechet_distance(moments(rows[rows_of_size]), real)
        weights[rows_of_size] += line[place] / size
    value = float(line @ distances)
    if full.error is None:
        return Estimate(value)
    return Estimate(value, full.error * math.sqrt(count * float(weights @ weights)))
