"""Euclidean distances in tiles of a few megabytes, for all pairs of tens of thousands of samples."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from twoplayer.two_sample.statistics._permute import Array

__all__ = ["between", "radius", "subset_distances", "tiles"]

TILE = 1024
MAX_DIRECT_DIMENSIONS = 32
"""Up to this dimension distances are sums of squared differences, which are exact; above, products are faster."""
SUBSET_SAMPLES = 2_000
"""Samples of `subset_distances`."""


def between(x: Array, y: Array) -> Array:
    """Squared distances between rows, float64 ``(n, m)``. The mean of the rows should be near zero."""
    if x.shape[1] <= MAX_DIRECT_DIMENSIONS:
        from scipy.spatial.distance import cdist

        return np.asarray(cdist(x, y, "sqeuclidean"))
    x, y = x.astype(np.float64), y.astype(np.float64)
    squared = x @ y.T
    squared *= -2
    squared += np.einsum("ij,ij->i", x, x)[:, None]
    squared += np.einsum("ij,ij->i", y, y)
    return np.asarray(np.maximum(squared, 0, out=squared))


def tiles(samples: Array) -> Iterator[tuple[slice, slice, Array]]:
    """Rows, columns and squared distances of the tiles on and above the diagonal."""
    starts = range(0, len(samples), TILE)
    for first in starts:
        rows = slice(first, min(first + TILE, len(samples)))
        for second in starts[first // TILE :]:
            columns = slice(second, min(second + TILE, len(samples)))
            yield rows, columns, between(samples[rows], samples[columns])


def radius(samples: Array) -> float:
    """The largest distance from the origin; twice this bounds all distances between samples."""
    blocks = (samples[i : i + TILE].astype(np.float64) for i in range(0, len(samples), TILE))
    return float(np.sqrt(max(np.square(block).sum(1).max() for block in blocks)))


def subset_distances(samples: Array) -> Array:
    """The non-zero distances between the first 2,000 samples, which are in random order; ascending."""
    subset = samples[:SUBSET_SAMPLES]
    squared = between(subset, subset)[np.triu_indices(len(subset), 1)]
    return np.asarray(np.sort(np.sqrt(squared[squared > 0])))
