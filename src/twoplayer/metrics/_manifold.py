"""Which samples lie in which balls: what precision, recall, density and coverage are computed from, in one pass.

A set's manifold is the union of closed balls around its samples, each of the radius to the k-th nearest other one.

Source: Kynkäänniemi, Karras, Laine, Lehtinen, Aila, 2019, Improved precision and recall metric for assessing generative
models, section 2; Naeem, Oh, Uh, Choi, Yoo, 2020, Reliable fidelity and diversity metrics for generative models.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from twoplayer.errors import UserError
from twoplayer.metrics._base import Array, Estimate, Real
from twoplayer.metrics._jackknife import by_content
from twoplayer.metrics._nearest import Pairs, matrices, nearest_squares, working_precision

__all__ = ["NEIGHBOURS", "Balls", "Manifold", "manifold", "shared_manifold"]

NEIGHBOURS = 5
"""k of Naeem et al. 2020, who take it for all four; Kynkäänniemi et al. 2019 take 3."""
PART = 1000
"""Samples of a part, for the errors, where there are enough for several."""
DIFFERENCES = 9
"""Parts beyond the first of each split, over all splits: errors that are made of nine are known to a quarter."""


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
    """The balls of all samples, and of parts of them."""

    whole: Balls
    splits: tuple[tuple[Balls, ...], ...]
    """The balls of equal parts of either set, for some random ways to part them; none where they are too few."""

    def estimate(self, value: Callable[[Balls], float]) -> Estimate:
        """A mean over samples of what happens near them, with the error of draws of both sets.

        Parts that have no sample in common scatter as much more as they are smaller. Leaving samples out instead would
        move their neighbours' balls and count that twice, and shares counted as if samples were independent of each
        other would have half of the error.
        """
        variances = [np.var([value(part) for part in parts], ddof=1) / len(parts) for parts in self.splits]
        return Estimate(value(self.whole), math.sqrt(float(np.mean(variances))) if variances else None)


def manifold(features: Array, real: Array, neighbours: int = NEIGHBOURS) -> Manifold:
    """The balls of features ``(N, F)`` and ``(M, F)``, both N and M above `neighbours`.

    Exact: a sample that lies on a ball's surface is inside. Takes memory for a float32 copy of either set and about
    200 MiB.
    """
    rows, real = _pair(features, real, neighbours)
    return _manifold(rows, real, _squared_radii(real, neighbours), neighbours)


def shared_manifold(features: Array, real: Real, neighbours: int) -> Manifold:
    """`manifold`, computed once for all metrics that need it; the real samples' radii once for all samples."""
    rows, seen = _pair(features, real.features, neighbours)
    radii = real.shared(f"radii {neighbours}", real.seen, lambda: _squared_radii(seen, neighbours))
    return real.shared(f"manifold {neighbours}", features, lambda: _manifold(rows, seen, radii, neighbours))


def _manifold(rows: Array, real: Array, radii: Array, neighbours: int) -> Manifold:
    fewest, random = min(len(rows), len(real)), np.random.default_rng(0)
    parts = max(2, min(DIFFERENCES + 1, fewest // PART))
    splits = math.ceil(DIFFERENCES / (parts - 1)) if fewest // parts > neighbours else 0
    ours, theirs = by_content(rows), by_content(real)
    pairings = [
        zip(
            np.array_split(random.permutation(ours), parts),
            np.array_split(random.permutation(theirs), parts),
            strict=True,
        )
        for _ in range(splits)
    ]
    return Manifold(
        _overlap(rows, real, radii, neighbours),
        tuple(tuple(_of_part(rows[i], real[j], neighbours) for i, j in pairs) for pairs in pairings),
    )


def _of_part(rows: Array, real: Array, neighbours: int) -> Balls:
    return _overlap(rows, real, _squared_radii(real, neighbours), neighbours)


def _overlap(rows: Array, real: Array, radii: Array, neighbours: int) -> Balls:
    own_radii = _squared_radii(rows, neighbours)
    held, own_balls = np.zeros(len(real), np.int64), np.zeros(len(real), np.int64)
    real_balls = np.zeros(len(rows), np.int64)
    pairs = Pairs(real, rows, working_precision(real, rows))
    for tile in pairs.every_tile():
        i, j = pairs.closer(tile, radii[tile.rows, None])
        held += np.bincount(i, minlength=len(real))
        real_balls += np.bincount(j, minlength=len(rows))
        i, _ = pairs.closer(tile, own_radii[tile.columns])
        own_balls += np.bincount(i, minlength=len(real))
    return Balls(neighbours, real_balls, held, own_balls)


def _squared_radii(rows: Array, neighbours: int) -> Array:
    radii: Array = nearest_squares(rows, rows, neighbours, exclude_self=True)[0][:, -1]
    return radii


def _pair(features: Array, real: Array, neighbours: int) -> tuple[Array, Array]:
    rows, real = matrices(features, real)
    if min(len(rows), len(real)) <= neighbours:
        raise UserError(
            f"balls to the {neighbours} nearest neighbours need at least {neighbours + 1} samples on either side, "
            f"not {len(rows)} and {len(real)}"
        )
    return rows, real
