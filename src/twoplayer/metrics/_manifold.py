"""The balls in which samples lie: the common computation of precision, recall, density and coverage.

A set's manifold is the union of closed balls around its samples; the radius is the distance to the k-th
nearest other sample.

Source: Kynkäänniemi, Karras, Laine, Lehtinen, Aila, 2019, Improved precision and recall metric for assessing generative
models, section 2; Naeem, Oh, Uh, Choi, Yoo, 2020, Reliable fidelity and diversity metrics for generative models.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from twoplayer.core.errors import UserError
from twoplayer.core.ranges import Count, within
from twoplayer.metrics._base import Array, Estimate, Metric, Need, ReferenceFeatures
from twoplayer.metrics._nearest import DistancePairs, Tile, matrices, places, strips, working_precision
from twoplayer.metrics._reach import Reach, reach

__all__ = ["NEIGHBOURS", "Balls", "Manifold", "ManifoldMetric", "manifold", "shared_manifold"]

NEIGHBOURS = 5
"""k of Naeem et al. 2020 for all four metrics; Kynkäänniemi et al. 2019 use 3."""
PAIRS_PER_CHUNK = 1 << 16
"""Pairs that may lie in a ball and are checked together: about 40 MiB."""
DENSE_SHARE = 1 / 16
"""Share of certain pairs of a tile from which they are counted by a matrix product instead of one by one."""


@dataclass(frozen=True, eq=False)
class Balls:
    """Counts of the balls of N samples and of M real samples."""

    neighbours: int
    real_balls: Array
    """In how many real samples' balls each sample lies, int64 ``(N,)``."""
    samples_inside: Array
    """How many samples each real sample's ball contains, int64 ``(M,)``."""
    own_balls: Array
    """In how many samples' balls each real sample lies, int64 ``(M,)``."""


@dataclass(frozen=True, eq=False)
class Manifold:
    """The balls of all samples, and of random halves of them."""

    whole: Balls
    splits: tuple[tuple[Balls, Balls], ...]
    """The balls of two halves of either set, for each of several random splits; empty for too few samples."""

    def estimate(self, value: Callable[[Balls], float]) -> Estimate:
        """The mean `value` over samples, with its standard error over draws of both sets.

        Halves are disjoint, so the variance of the mean over both is a quarter of their squared difference. The
        alternatives are biased: a jackknife changes the balls of the neighbours and counts that change twice;
        treating samples as independent gives half of the error; parts smaller than halves underestimate it in many
        dimensions, where a few samples are neighbours of most others (for N(0, I) in 1,000 dimensions tenths give two
        thirds of the error of density).
        """
        variances = [np.var([value(part) for part in parts], ddof=1) / len(parts) for parts in self.splits]
        return Estimate(value(self.whole), math.sqrt(float(np.mean(variances))) if variances else None)


class ManifoldMetric(Metric[Array, ReferenceFeatures]):
    """A metric that is a mean over samples of a statistic of their balls.

    Args:
        neighbours: k, the number of neighbours that the radius of a ball reaches.
    """

    needs: ClassVar[Need] = "features"
    min_samples: ClassVar[int] = NEIGHBOURS + 1

    def __init__(self, *, neighbours: Count = NEIGHBOURS) -> None:
        self.neighbours: int = within(Count, neighbours=neighbours)

    @staticmethod
    @abstractmethod
    def mean(balls: Balls) -> float:
        """The mean over samples for one set of balls."""

    def measure(self, samples: Array, reference: ReferenceFeatures) -> Estimate:
        return shared_manifold(samples, reference, self.neighbours).estimate(self.mean)


def manifold(features: Array, real: Array, neighbours: int = NEIGHBOURS) -> Manifold:
    """The balls of features ``(N, F)`` and ``(M, F)``, both N and M above `neighbours`.

    The counts are exact; a sample on the surface of a ball is inside. Memory: a float32 copy of both sets and about
    200 MiB.
    """
    rows, real = _pair(features, real, neighbours)
    return _manifold(rows, real, reach(real, neighbours, salt=1), neighbours)


def shared_manifold(features: Array, real: ReferenceFeatures, neighbours: int) -> Manifold:
    """`manifold`, cached in the reference; the radii of the real samples are computed once for all sets of samples."""
    rows, real_rows = _pair(features, real.features, neighbours)
    theirs = real.shared(f"reach {neighbours}", real.feature_set, lambda: reach(real_rows, neighbours, salt=1))
    return real.shared(f"manifold {neighbours}", features, lambda: _manifold(rows, real_rows, theirs, neighbours))


def _manifold(rows: Array, real: Array, theirs: Reach, neighbours: int) -> Manifold:
    ours = reach(rows, neighbours, salt=0)
    both = min(len(ours), len(theirs))
    ours, theirs = ours.head(both), theirs.head(both)
    counts = _counts(rows, real, ours, theirs)

    def balls(split: int, half: int) -> Balls:
        mine, other = ours.sides[split] == half, theirs.sides[split] == half
        real_balls, samples_inside, own_balls = (count[split] for count in counts)
        return Balls(neighbours, real_balls[mine], samples_inside[other], own_balls[other])

    return Manifold(balls(0, 0), tuple((balls(split, 0), balls(split, 1)) for split in range(1, both)))


def _counts(rows: Array, real: Array, ours: Reach, theirs: Reach) -> tuple[Array, Array, Array]:
    """`real_balls`, `samples_inside` and `own_balls` of the whole and of each split, within one half at a time."""
    real_balls, samples_inside, own_balls = (np.zeros(each.sides.shape, np.int64) for each in (ours, theirs, theirs))
    pairs = DistancePairs(real, rows, working_precision(real, rows))
    for tile in pairs.every_tile():
        i, j = tile.rows, tile.columns
        sides, own_sides = theirs.sides[:, i], ours.sides[:, j]
        near, certain = _near(pairs, tile, theirs.squares[:, i, None])
        own_near, own_certain = _near(pairs, tile, ours.squares[:, None, j])
        if certain is not None:
            samples_inside[:, i] += _own_half_counts(certain, sides, own_sides)
            real_balls[:, j] += _own_half_counts(certain.T, own_sides, sides)
        if own_certain is not None:
            own_balls[:, i] += _own_half_counts(own_certain, sides, own_sides)
        row, column = places(near | own_near)
        for chunk in strips(len(row), PAIRS_PER_CHUNK):
            r, c = row[chunk], column[chunk]
            in_real, in_own = _inside(pairs, ours, theirs, tile, r, c)
            in_real &= near[r, c]
            samples_inside[:, i] += _per_place(in_real, r, len(near))
            real_balls[:, j] += _per_place(in_real, c, near.shape[1])
            own_balls[:, i] += _per_place(in_own & own_near[r, c], r, len(near))
    return real_balls, samples_inside, own_balls


def _near(pairs: DistancePairs, tile: Tile, limits: Array) -> tuple[Array, Array | None]:
    """The pairs to be checked one by one, and, if they are many, the pairs that are certainly within all limits."""
    near, sure = pairs.may_be_within(tile, limits.max(0)), pairs.certainly_within(tile, limits.min(0))
    if np.count_nonzero(sure) < int(sure.size * DENSE_SHARE):
        return near, None
    return near & ~sure, sure


def _own_half_counts(pairs: Array, sides: Array, column_sides: Array) -> Array:
    """How many columns of its own half each row is paired with, ``(1 + S, rows)``, of `pairs` ``(rows, columns)``."""
    sums = pairs.astype(np.float32) @ (1 - 2 * column_sides).T.astype(np.float32)  # the first column is of the whole
    shared: Array = ((sums[:, :1] + sums * (1 - 2 * sides).T) / 2).T.astype(np.int64)
    return shared


def _inside(
    pairs: DistancePairs, ours: Reach, theirs: Reach, tile: Tile, row: Array, column: Array
) -> tuple[Array, Array]:
    """Whether pairs of real samples and samples are in either one's ball, bool ``(1 + S, pairs)`` each."""
    low, i, j = tile.low[row, column], row + tile.rows.start, column + tile.columns.start
    together = theirs.sides[:, i] == ours.sides[:, j]
    limits, own_limits = theirs.squares[:, i], ours.squares[:, j]
    high, squares = pairs.high(low, i, j), low.astype(np.float64)
    doubt = ((low <= limits) & (limits < high)) | ((low <= own_limits) & (own_limits < high))
    (doubtful,) = np.nonzero((doubt & together).any(0))
    squares[doubtful] = pairs.squares(i[doubtful], j[doubtful])
    return together & (squares <= limits), together & (squares <= own_limits)


def _per_place(inside: Array, place: Array, count: int) -> Array:
    """How often each row or column `place` is inside, ``(1 + S, count)``."""
    split, pair = np.nonzero(inside)
    return np.bincount(split * count + place[pair], minlength=len(inside) * count).reshape(len(inside), count)


def _pair(features: Array, real: Array, neighbours: int) -> tuple[Array, Array]:
    rows, real = matrices(features, real)
    if min(len(rows), len(real)) <= neighbours:
        raise UserError(
            f"balls to the {neighbours} nearest neighbours need at least {neighbours + 1} samples on either side, "
            f"not {len(rows)} and {len(real)}"
        )
    return rows, real
