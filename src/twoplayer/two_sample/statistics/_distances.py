"""Euclidean distances in tiles: all pairs of tens of thousands of samples in a few megabytes at a time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from twoplayer.two_sample.statistics._permute import Array

__all__ = ["between", "radius", "some_distances", "tiles"]

TILE = 1024
DIRECT = 32
"""Dimensions up to which differences are taken one by one, which is exact; beyond, products are many times faster."""
LOOKED_AT = 2_000
"""Samples whose distances stand for those of all."""


def between(x: Array, y: Array) -> Array:
    """Squared distances between rows, float64 ``(n, m)``. Rows should have a mean near zero."""
    if x.shape[1] <= DIRECT:
        from scipy.spatial.distance import cdist

        return np.asarray(cdist(x, y, "sqeuclidean"))
    x, y = x.astype(np.float64), y.astype(np.float64)
    squared = x @ y.T
    squared *= -2
    squared += np.einsum("ij,ij->i", x, x)[:, None]
    squared += np.einsum("ij,ij->i", y, y)
    return np.asarray(np.maximum(squared, 0, out=squared))


def tiles(samples: Array) -> Iterator[tuple[slice, slice, Array]]:
    """Rows, columns and their squared distances, for the tiles on and above the diagonal."""
    starts = range(0, len(samples), TILE)
    for first in starts:
        rows = slice(first, min(first + TILE, len(samples)))
        for second in starts[first // TILE :]:
            columns = slice(second, min(second + TILE, len(samples)))
            yield rows, columns, between(samples[rows], samples[columns])


def radius(samples: Array) -> float:
    """The largest distance from the origin; no two samples are further apart than twice that."""
    blocks = (samples[i : i + TILE].astype(np.float64) for i in range(0, len(samples), TILE))
    return float(np.sqrt(max(np.square(block).sum(1).max() for block in blocks)))


def some_distances(samples: Array) -> Array:
    """The distances that are not zero between the first 2,000 samples, in ascending order.

    The samples stand in random order, so those are as good as any.
    """
    few = samples[:LOOKED_AT]
    squared = between(few, few)[np.triu_indices(len(few), 1)]
    return np.asarray(np.sort(np.sqrt(squared[squared > 0])))
