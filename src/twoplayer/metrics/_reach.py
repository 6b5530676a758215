"""Radii of the balls around samples: distances to the k-th nearest other sample, in the whole set and in random halves.

The k-th nearest neighbour within a half is, except once in a million times, among the nearest 2k + 12√k neighbours in
the whole set. So one list of near neighbours gives the radii for all halves.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product

import numpy as np

from twoplayer.metrics._base import Array
from twoplayer.metrics._jackknife import by_content
from twoplayer.metrics._nearest import PRECISIONS, TIE, DistancePairs, candidates, nearest_squares, working_precision

__all__ = ["Reach", "reach"]

SPLITS = 9
"""Random splits into halves: an error from nine differences has a relative error of about a quarter."""
LIST_DEVIATIONS = 12
"""Length of a neighbour list beyond 2k, in units of √k."""


@dataclass(frozen=True, eq=False)
class Reach:
    """The radii of N samples in the whole set, and in both halves of S random splits."""

    sides: Array
    """The half of each sample, int8 ``(1 + S, N)``: 0 or 1; row 0 stands for the whole set and is 0."""
    squares: Array
    """Squared radii, float64 ``(1 + S, N)``."""

    def __len__(self) -> int:
        return len(self.sides)

    def head(self, count: int) -> Reach:
        """The whole set and the first `count` - 1 splits."""
        return Reach(self.sides[:count], self.squares[:count])


def reach(rows: Array, neighbours: int, salt: int) -> Reach:
    """The exact radii of `rows` ``(N, F)``, N above `neighbours`; no splits where a half would be too small.

    The splits are a function of the content of the rows and of `salt`, not of their order.
    """
    sides = _sides(rows, SPLITS if len(rows) // 2 > neighbours else 0, salt)
    squares, sure = np.empty(sides.shape), np.zeros(sides.shape, bool)
    left, keep = np.arange(len(rows)), 2 * neighbours + math.ceil(LIST_DEVIATIONS * math.sqrt(neighbours))
    for precision in PRECISIONS[PRECISIONS.index(working_precision(rows, rows)) :]:
        open_rows = rows if len(left) == len(rows) else rows[left]
        squares[:, left], sure[:, left] = _from_lists(
            DistancePairs(open_rows, rows, precision), left, sides, neighbours, keep
        )
        left, keep = np.flatnonzero(~sure.all(0)), 4 * keep
        if not len(left):
            break
    _one_by_one(rows, sides, neighbours, squares, sure)
    return Reach(sides, squares)


def _sides(rows: Array, splits: int, salt: int) -> Array:
    sides = np.zeros((1 + splits, len(rows)), np.int8)
    random, order = np.random.default_rng(salt), by_content(rows)
    for side in sides[1:]:
        side[random.permutation(order)[: len(rows) // 2]] = 1
    return sides


def _from_lists(pairs: DistancePairs, own: Array, sides: Array, k: int, keep: int) -> tuple[Array, Array]:
    """Squared radii of the samples `own`, the rows of ``pairs.a``, and which of them are known to be exact.

    Only distances that may be the k-th smallest of a half are computed; for the others the bounds decide.
    """
    keep, every = min(keep, len(pairs.b) - 1), np.arange(len(own))
    low, indices = _sorted(*candidates(pairs, own, keep))
    beyond = low[:, -1]  # other points lie at this distance or farther
    high = pairs.high(low, every[:, None], indices)
    undecided = np.zeros(low.shape, bool)
    for side in sides:
        member = side[indices] == side[own, None]
        first = member & (np.cumsum(member, 1) <= k)
        lowest, highest = (np.where(first, bound, -np.inf).max(1, keepdims=True) for bound in (low, high))
        undecided |= member & (low <= highest) & (high >= lowest)
    values, (i, column) = low.astype(np.float64), np.nonzero(undecided)
    values[i, column] = pairs.squares(i, indices[i, column])
    values, indices = _sorted(values, indices)
    squares, sure = np.empty((len(sides), len(own))), np.empty((len(sides), len(own)), bool)
    tie = TIE if pairs.precision is np.float64 else 0.0
    for s, side in enumerate(sides):
        place = (np.cumsum(side[indices] == side[own, None], 1) < k).sum(1)
        last = squares[s] = values[every, np.minimum(place, keep - 1)]
        known = ((1 - tie) * last <= beyond) | (last == 0) | (keep == len(pairs.b) - 1)
        sure[s] = (place < keep) & known
    return squares, sure


def _sorted(values: Array, indices: Array) -> tuple[Array, Array]:
    order = np.argsort(values, axis=1)
    return np.take_along_axis(values, order, 1), np.take_along_axis(indices, order, 1)


def _one_by_one(rows: Array, sides: Array, k: int, squares: Array, sure: Array) -> None:
    """Fill in the radii that the lists do not decide, one half at a time."""
    for s, half in product(np.flatnonzero(~sure.all(1)), (0, 1)):
        member = sides[s] == half
        (left,) = np.nonzero(member & ~sure[s])
        if len(left):  # each sample is its own nearest neighbour
            squares[s, left] = nearest_squares(rows[left], rows[member], k + 1)[0][:, -1]
