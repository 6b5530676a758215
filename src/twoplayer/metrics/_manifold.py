"""Which samples lie in which balls: what precision, recall, density and coverage are computed from, in one pass.

A set's manifold is the union of closed balls around its samples, each of the radius to the k-th nearest other one.

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
"""k of Naeem et al. 2020, who take it for all four; Kynkäänniemi et al. 2019 take 3."""
PAIRS = 1 << 16
"""Pairs near enough to be in some ball that are looked at together: about 40 MiB."""
MANY = 16
"""Where one pair in so many lies in all balls of its sample, they are counted by a product, not one by one."""


@dataclass(frozen=True, eq=False)
class Balls:
    """How N samples and M real ones lie in each other's balls."""

    neighbours: int
    real_balls: Array
    """In how many real samples' balls each sample lies, int64 ``(N,)``."""
    held: Array
    """How many samples each real sample's ball holds, int64 ``(M,)``."""
    own_balls: Array
    """In how many samples' balls each real sample lies, int64 ``(M,)``."""


@dataclass(frozen=True, eq=False)
class Manifold:
    """The balls of all samples, and of halves of them."""

    whole: Balls
    splits: tuple[tuple[Balls, Balls], ...]
    """The balls of two halves of either set, for some random ways to halve them; none where they are too few."""

    def estimate(self, value: Callable[[Balls], float]) -> Estimate:
        """A mean over samples of what happens near them, with the error of draws of both sets.

        Halves have no sample in common, so the variance of the mean over both is a quarter of their squared difference.
        Leaving samples out instead would move their neighbours' balls and count that twice, shares counted as if
        samples were independent of each other would have half of the error, and parts smaller than halves understate
        it in very many dimensions, where a few samples are the neighbours of most others: for N(0, I) in 1,000 of them
        tenths tell two thirds of the error of density.
        """
        variances = [np.var([value(part) for part in parts], ddof=1) / len(parts) for parts in self.splits]
        return Estimate(value(self.whole), math.sqrt(float(np.mean(variances))) if variances else None)


class ManifoldMetric(Metric[Array, ReferenceFeatures]):
    """A metric that is a mean over samples of what happens near them."""

    needs: ClassVar[Need] = "features"
    least: ClassVar[int] = NEIGHBOURS + 1

    def __init__(self, *, neighbours: Count = NEIGHBOURS) -> None:
        self.neighbours: int = within(Count, neighbours=neighbours)

    @staticmethod
    @abstractmethod
    def mean(of: Balls) -> float: ...

    def measure(self, samples: Array, reference: ReferenceFeatures) -> Estimate:
        return shared_manifold(samples, reference, self.neighbours).estimate(self.mean)


def manifold(features: Array, real: Array, neighbours: int = NEIGHBOURS) -> Manifold:
    """The balls of features ``(N, F)`` and ``(M, F)``, both N and M above `neighbours`.

    Exact: a sample that lies on a ball's surface is inside. Takes memory for a float32 copy of either set and about
    200 MiB, however many pairs lie in balls.
    """
    rows, real = _pair(features, real, neighbours)
    return _manifold(rows, real, reach(real, neighbours, salt=1), neighbours)


def shared_manifold(features: Array, real: ReferenceFeatures, neighbours: int) -> Manifold:
    """`manifold`, computed once for all metrics that need it; the real samples' radii once for all samples."""
    rows, seen = _pair(features, real.features, neighbours)
    theirs = real.shared(f"reach {neighbours}", real.seen, lambda: reach(seen, neighbours, salt=1))
    return real.shared(f"manifold {neighbours}", features, lambda: _manifold(rows, seen, theirs, neighbours))


def _manifold(rows: Array, real: Array, theirs: Reach, neighbours: int) -> Manifold:
    ours = reach(rows, neighbours, salt=0)
    both = min(len(ours), len(theirs))
    ours, theirs = ours.head(both), theirs.head(both)
    counts = _counts(rows, real, ours, theirs)

    def balls(split: int, half: int) -> Balls:
        mine, other = ours.sides[split] == half, theirs.sides[split] == half
        real_balls, held, own_balls = (count[split] for count in counts)
        return Balls(neighbours, real_balls[mine], held[other], own_balls[other])

    return Manifold(balls(0, 0), tuple((balls(split, 0), balls(split, 1)) for split in range(1, both)))


def _counts(rows: Array, real: Array, ours: Reach, theirs: Reach) -> tuple[Array, Array, Array]:
    """`real_balls`, `held` and `own_balls` of the whole and of each split, where a ball holds only its own half's."""
    real_balls, held, own_balls = (np.zeros(each.sides.shape, np.int64) for each in (ours, theirs, theirs))
    pairs = DistancePairs(real, rows, working_precision(real, rows))
    for tile in pairs.every_tile():
        i, j = tile.rows, tile.columns
        sides, own_sides = theirs.sides[:, i], ours.sides[:, j]
        near, many = _near(pairs, tile, theirs.squares[:, i, None])
        own_near, own_many = _near(pairs, tile, ours.squares[:, None, j])
        if many is not None:
            held[:, i] += _of_own_side(many, sides, own_sides)
            real_balls[:, j] += _of_own_side(many.T, own_sides, sides)
        if own_many is not None:
            own_balls[:, i] += _of_own_side(own_many, sides, own_sides)
        row, column = places(near | own_near)
        for some in strips(len(row), PAIRS):
            r, c = row[some], column[some]
            in_real, in_own = _inside(pairs, ours, theirs, tile, r, c)
            in_real &= near[r, c]
            held[:, i] += _per_place(in_real, r, len(near))
            real_balls[:, j] += _per_place(in_real, c, near.shape[1])
            own_balls[:, i] += _per_place(in_own & own_near[r, c], r, len(near))
    return real_balls, held, own_balls


def _near(pairs: DistancePairs, tile: Tile, limits: Array) -> tuple[Array, Array | None]:
    """Which pairs have to be looked at one by one, and, where they are many, those within all of the limits."""
    near, sure = pairs.perhaps(tile, limits.max(0)), pairs.surely(tile, limits.min(0))
    if np.count_nonzero(sure) < sure.size // MANY:
        return near, None
    return near & ~sure, sure


def _of_own_side(pairs: Array, sides: Array, others: Array) -> Array:
    """With how many others of its own half each row is paired, ``(1 + S, rows)``, of `pairs` ``(rows, others)``."""
    sums = pairs.astype(np.float32) @ (1 - 2 * others).T.astype(np.float32)  # the first column is of the whole
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
    """How often each place is inside, ``(1 + S, count)``."""
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
