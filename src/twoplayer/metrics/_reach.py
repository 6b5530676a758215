"""How far the balls of a set's samples reach: to the k-th nearest other one, in the whole set and in random halves.

A sample's k-th nearest in any half that holds it is one of its nearest 2k + 12√k or so in the whole, but once in a
million times. So one list of near neighbours tells all radii, and no half needs distances of its own.
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
"""Random ways to halve a set: errors that are made of nine differences are known to a quarter."""

LISTED = 12
"""Standard deviations, about, by which a list is longer than what a half's nearest take on average."""


@dataclass(frozen=True, eq=False)
class Reach:
    """The balls of N samples in the whole set, and in both halves of S ways to halve it."""

    sides: Array
    """Which half a sample is in, int8 ``(1 + S, N)``: first 0 throughout, for the whole, then 0 or 1."""
    squares: Array
    """The squared radius of its ball there, float64 ``(1 + S, N)``."""

    def __len__(self) -> int:
        return len(self.sides)

    def head(self, count: int) -> Reach:
        """The whole and the first `count` - 1 splits."""
        return Reach(self.sides[:count], self.squares[:count])


def reach(rows: Array, neighbours: int, salt: int) -> Reach:
    """The balls of `rows` ``(N, F)``, N above `neighbours`, exactly; no halves where one would hold too few for them.

    The halves follow from what the rows hold and from `salt`, not from the order in which they came.
    """
    sides = _sides(rows, SPLITS if len(rows) // 2 > neighbours else 0, salt)
    squares, sure = np.empty(sides.shape), np.zeros(sides.shape, bool)
    left, keep = np.arange(len(rows)), 2 * neighbours + math.ceil(LISTED * math.sqrt(neighbours))
    for precision in PRECISIONS[PRECISIONS.index(working_precision(rows, rows)) :]:
        some = rows if len(left) == len(rows) else rows[left]
        squares[:, left], sure[:, left] = _from_lists(
            DistancePairs(some, rows, precision), left, sides, neighbours, keep
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
    """Squared radii of samples `own`, which are the rows of ``pairs.a``, and which of them are known to be right.

    Only what may be the k-th nearest of some half is computed; of the others it is known on which side of it they are.
    """
    keep, every = min(keep, len(pairs.b) - 1), np.arange(len(own))
    low, indices = _sorted(*candidates(pairs, own, keep))
    beyond = low[:, -1]  # whatever is no candidate lies at this or farther
    high = pairs.high(low, every[:, None], indices)
    open_to_doubt = np.zeros(low.shape, bool)
    for side in sides:
        member = side[indices] == side[own, None]
        first = member & (np.cumsum(member, 1) <= k)
        lowest, highest = (np.where(first, bound, -np.inf).max(1, keepdims=True) for bound in (low, high))
        open_to_doubt |= member & (low <= highest) & (high >= lowest)
    values, (i, column) = low.astype(np.float64), np.nonzero(open_to_doubt)
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
    """Fill in what the lists leave open, one half at a time."""
    for s, half in product(np.flatnonzero(~sure.all(1)), (0, 1)):
        member = sides[s] == half
        (left,) = np.nonzero(member & ~sure[s])
        if len(left):  # each is the nearest to itself
            squares[s, left] = nearest_squares(rows[left], rows[member], k + 1)[0][:, -1]
