"""Fréchet distance extrapolated to infinitely many samples, so that its bias is gone.

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
LEAST = 100


def fd_infinity(features: Array, real: Array | Moments) -> Estimate:
    """Where the Fréchet distances of features ``(N, F)``, N at least 100, head as N grows; below 0 by chance at most.

    Distances at 15 sizes up to N, of random samples each, are regressed on 1/N, and the line is read at 0. The smallest
    size is N/10, or 2.5F where that is more, for the line bends below, but at most N/2: in 2,048 dimensions the paper
    takes 5,000 to 50,000. Only the samples' share of the bias goes: `real`, features ``(M, F)`` or their moments, is
    taken as it is. The error is that of the line's end by each sample's weight, by way of `fd`'s.
    """
    rows, reference = matrix(features), as_moments(real)
    return _extrapolated(rows, reference, fd(rows, reference))


@final
class FdInfinity(Metric[Array, ReferenceFeatures]):
    """`fd_infinity` as a metric."""

    figure: ClassVar[str] = "fd_infinity"
    higher_is_better: ClassVar[bool | None] = False
    needs: ClassVar[Need] = "features"
    least: ClassVar[int] = LEAST

    def measure(self, samples: Array, reference: ReferenceFeatures) -> Estimate:
        at_all = reference.shared("fd", samples, lambda: fd(samples, reference.moments))
        return _extrapolated(matrix(samples), reference.moments, at_all)


def _extrapolated(rows: Array, real: Moments, at_all: Estimate) -> Estimate:
    count = len(rows)
    if count < LEAST:
        raise UserError(f"the Fréchet distance is extrapolated from at least {LEAST} samples, not {count}")
    smallest = max(count / 10, min(2.5 * rows.shape[1], count / 2))
    sizes = np.linspace(smallest, count, SIZES).round().astype(int)
    # The end of a least squares line is a weighted sum of what it is fitted to.
    line = np.linalg.pinv(np.stack([np.ones(SIZES), 1 / sizes], axis=1))[0]
    order, random = by_content(rows), np.random.default_rng(0)
    distances, weights = np.empty(SIZES), np.zeros(count)
    for place, size in enumerate(sizes):
        chosen = np.sort(random.choice(order, size, replace=False))
        distances[place] = at_all.value if size == count else frechet_distance(moments(rows[chosen]), real)
        weights[chosen] += line[place] / size
    value = float(line @ distances)
    if at_all.error is None:
        return Estimate(value)
    return Estimate(value, at_all.error * math.sqrt(count * float(weights @ weights)))
