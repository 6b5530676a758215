"""Exact nearest neighbours in tiles: matrix products bound the distances, and undecided ones are computed exactly.

‖x - y‖² = ‖x‖² + ‖y‖² - 2 x·y costs one matrix product for all pairs, but cancels where x and y are close. Its rounding
error is at most (F + 10) u (‖x‖² + ‖y‖²), with u the unit roundoff and F the dimensions (Higham, 2002, Accuracy and
stability of numerical algorithms, section 3.1), so the product gives lower and upper bounds of all distances. Where the
bounds do not decide, distances are computed as sums of squared differences in float64. The result is as exact as if
all distances were computed in this way, at the speed of float32, and equal points have distance 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, final

import numpy as np

from twoplayer.core.errors import UserError
from twoplayer.metrics._records import Array

__all__ = [
    "PRECISIONS",
    "TIE",
    "DistancePairs",
    "NearestNeighbours",
    "Tile",
    "candidates",
    "matrices",
    "matrix",
    "nearest",
    "nearest_squares",
    "places",
    "same_dimensions",
    "strips",
    "working_precision",
]

TILE = 1024
"""Rows and columns of a tile: 4 MiB in float32."""
SPARE_CANDIDATES = 11
"""Candidates for each query beyond k; with so many, the bounds rarely leave a neighbour undecided."""
CHUNK = 1 << 18
"""Numbers (2 MiB) from which distances are computed at a time, so that they fit into the processor's cache."""
PRECISIONS = (np.float32, np.float64)
TIE = 1e-12
"""Relative difference of squared distances below which they count as equal."""
FLOAT32_MIN_DIMENSIONS = 32
"""With fewer dimensions products are cheap and computed in float64."""


class NearestNeighbours(NamedTuple):
    """The k points nearest to each of N queries, the nearest first."""

    distances: Array
    """float64 ``(N, k)``."""
    indices: Array
    """int64 ``(N, k)``, rows of the points; arbitrary among equal distances."""


@dataclass(frozen=True, eq=False)
class Tile:
    """Bounds of the distances between a range of rows of one set and one of another."""

    rows: slice
    columns: slice
    low: Array
    """Lower bounds of the squared distances, ``(rows, columns)``."""


def nearest(queries: Array, points: Array, k: int, *, exclude_self: bool = False) -> NearestNeighbours:
    """The k `points` ``(M, F)`` nearest to each of `queries` ``(N, F)`` in the Euclidean distance, exactly.

    Args:
        queries: float ``(N, F)``.
        points: float ``(M, F)``.
        k: number of neighbours.
        exclude_self: query i is point i and not its own neighbour; other points at the same place are.

    Returns:
        Distances and indices, the nearest first. Memory: a copy of both sets and 64 MiB.

    Raises:
        UserError: for fewer than k points, and for values that are not finite.

    >>> nearest(np.array([[0.0]]), np.array([[3.0], [-1.0]]), 1)
    NearestNeighbours(distances=array([[1.]]), indices=array([[1]]))
    """
    squares, indices = nearest_squares(queries, points, k, exclude_self=exclude_self)
    return NearestNeighbours(np.sqrt(squares), indices)


def nearest_squares(queries: Array, points: Array, k: int, *, exclude_self: bool = False) -> tuple[Array, Array]:
    """`nearest` with squared distances, which are bit-identical to those of `DistancePairs`."""
    if exclude_self:  # one object, so that half of the tiles suffice
        queries = points = matrix(points)
    else:
        queries, points = matrices(queries, points)
    if k < 1 or len(points) < k + exclude_self:
        raise UserError(f"{k} nearest neighbours need at least {max(1, k) + exclude_self} points, not {len(points)}")
    rows = np.arange(len(queries))
    squares, indices = np.empty((len(rows), k)), np.empty((len(rows), k), np.int64)
    for precision in PRECISIONS[PRECISIONS.index(working_precision(queries, points)) :]:
        open_queries = queries if len(rows) == len(queries) else queries[rows]
        search = _by_products(DistancePairs(open_queries, points, precision), rows if exclude_self else None, k)
        squares[rows], indices[rows] = search.squares, search.indices
        rows = rows[~search.settled]
        if not len(rows):
            break
    _in_clusters(queries, points, rows, exclude_self, squares, indices)
    return squares, indices


def matrix(features: Any) -> Array:
    """Features as a contiguous array ``(N, F)`` of float32 or float64. Raises `UserError` for anything else."""
    rows = np.ascontiguousarray(features)
    if rows.dtype not in (np.float32, np.float64):
        rows = rows.astype(np.float64)
    if rows.ndim != 2 or not rows.shape[1]:
        raise UserError(f"features must be a table of one row per sample, not an array of shape {rows.shape}")
    if not len(rows):
        raise UserError("there are no samples to measure: give at least 2")
    if not np.isfinite(rows).all():
        bad = int((~np.isfinite(rows).all(1)).sum())
        raise UserError(f"{bad} of {len(rows)} samples have features that are not finite: look for NaN in the samples")
    return rows


def matrices(features: Any, real: Any) -> tuple[Array, Array]:
    """Two sets of features of the same dimensions, each as `matrix` gives it. Raises `UserError` for any others."""
    a, b = matrix(features), matrix(real)
    same_dimensions(a.shape[1], b.shape[1])
    return a, b


def same_dimensions(first: int, second: int) -> None:
    """Raise `UserError` for features of different dimensions."""
    if first != second:
        raise UserError(f"features of {first} and {second} dimensions cannot be compared: use one extractor for both")


@final
class DistancePairs:
    """Squared distances between the rows of `a` ``(N, F)`` and of `b` ``(M, F)``, in tiles of lower bounds.

    The product is taken in `precision`, with the mean of `b` as the origin, which reduces rounding errors.
    """

    def __init__(self, a: Array, b: Array, precision: Any = np.float32) -> None:
        self.a, self.b, self.precision = a, b, precision
        centre = b.mean(0, dtype=np.float64)
        self._b, self.b_norms = _centred(b, centre, precision)
        self._a, self.a_norms = (self._b, self.b_norms) if a is b else _centred(a, centre, precision)
        self.doubt = (b.shape[1] + 16) * float(np.finfo(precision).eps) / 2

    @property
    def within(self) -> bool:
        """Whether both sets are one object, so that half of the tiles suffice."""
        return self.a is self.b

    def tiles(self) -> Iterator[Tile]:
        """All tiles, or those on and above the diagonal where both sets are one object."""
        return self._tiles(half=self.within)

    def every_tile(self) -> Iterator[Tile]:
        """All tiles."""
        return self._tiles(half=False)

    def _tiles(self, half: bool) -> Iterator[Tile]:
        for rows in strips(len(self.a), TILE):
            minus_two = -2 * self._a[rows]
            for columns in strips(len(self.b), TILE, rows.start if half else 0):
                low = minus_two @ self._b[columns].T
                low += self._lowered(self.b_norms[columns])
                low += self._lowered(self.a_norms[rows])[:, None]
                yield Tile(rows, columns, low)

    def high(self, low: Array, i: Array, j: Array) -> Array:
        """Upper bounds, float64, of the pairs of row i of `a` and row j of `b` with these lower bounds."""
        upper: Array = low + 2 * self.doubt * (self.a_norms[i] + self.b_norms[j])
        return upper

    def squares(self, i: Array, j: Array) -> Array:
        """Squared distances of the pairs of row i of `a` and row j of `b`, as exact as float64 sums are."""
        return _squares(self.a, self.b, i, j)

    def may_be_within(self, tile: Tile, limits: Array) -> Array:
        """Pairs of the tile whose squared distance may be at most `limits`, which broadcast with the tile."""
        within: Array = tile.low <= np.nextafter(limits.astype(self.precision), np.inf)
        return within

    def certainly_within(self, tile: Tile, limits: Array) -> Array:
        """Pairs of the tile whose squared distance is certainly at most `limits`; not all of them."""
        slack = 2 * self.doubt * (self.a_norms[tile.rows].max() + self.b_norms[tile.columns].max())
        within: Array = tile.low <= np.nextafter((limits - slack).astype(self.precision), -np.inf)
        return within

    def _lowered(self, norms: Array) -> Array:
        lowered: Array = ((1 - self.doubt) * norms).astype(self.precision)
        return lowered


@dataclass(frozen=True, eq=False)
class _NeighbourSearch:
    """Candidate neighbours of queries, and whether they are known to be the nearest."""

    squares: Array
    indices: Array
    settled: Array


def _by_products(pairs: DistancePairs, own: Array | None, k: int) -> _NeighbourSearch:
    """The nearest neighbours as far as the bounds decide; query i is point ``own[i]`` unless `own` is None."""
    available = len(pairs.b) - (own is not None)
    low, indices = candidates(pairs, own, min(available, k + SPARE_CANDIDATES))
    rows = np.arange(len(low))[:, None]
    # The k-th smallest upper bound limits the k-th distance; candidates that may lie within it are computed.
    limit = np.partition(pairs.high(low, rows, indices), k - 1, axis=1)[:, k - 1 : k]
    i, column = np.nonzero(low <= limit)
    squares = np.full(low.shape, np.inf)
    squares[i, column] = pairs.squares(i, indices[i, column])
    order = np.lexsort((indices, squares), axis=1)[:, :k]
    squares, indices = np.take_along_axis(squares, order, 1), np.take_along_axis(indices, order, 1)
    # Other points lie at or beyond the largest lower bound of the candidates. With categories and whole numbers they
    # often lie exactly as far as the last neighbour, which only float64 shows.
    last, tie = squares[:, -1], TIE if pairs.precision is np.float64 else 0.0
    settled = ((1 - tie) * last <= low.max(1)) | (last == 0) | (low.shape[1] == available)
    return _NeighbourSearch(squares, indices, settled)


def candidates(pairs: DistancePairs, own: Array | None, keep: int) -> tuple[Array, Array]:
    """The `keep` smallest lower bounds for each row of `pairs.a`, and the indices of their points, in any order."""
    low = np.full((len(pairs.a), keep), np.inf, pairs.precision)
    indices = np.zeros(low.shape, np.int64)
    for tile in pairs.tiles():
        if own is not None:
            _exclude_self(tile, own)
        _merge(low, indices, tile.rows, tile.low, tile.columns.start)
        if pairs.within and tile.columns.start > tile.rows.start:
            _merge(low, indices, tile.columns, tile.low.T, tile.rows.start)
    return low, indices


def _exclude_self(tile: Tile, own: Array) -> None:
    """Set the bound of each query with itself to infinity."""
    column = own[tile.rows] - tile.columns.start
    (row,) = np.nonzero((column >= 0) & (column < tile.low.shape[1]))
    tile.low[row, column[row]] = np.inf


def _merge(low: Array, indices: Array, rows: slice, more: Array, first: int) -> None:
    """Merge `more`, bounds of points from `first` on, into the smallest lower bounds so far."""
    keep = low.shape[1]
    known, points = low[rows], indices[rows]
    smallest, column = _smallest(more, known.max(1, keepdims=True), keep)
    both, points = np.hstack([known, smallest]), np.hstack([points, column + first])
    chosen = np.argpartition(both, keep - 1, axis=1)[:, :keep]
    low[rows], indices[rows] = np.take_along_axis(both, chosen, 1), np.take_along_axis(points, chosen, 1)


def _smallest(bounds: Array, limits: Array, keep: int) -> tuple[Array, Array]:
    """The bounds of each row below its limit, or the `keep` smallest, and their columns; rows are padded with inf.

    After the first tiles few bounds are below the limits, and comparing is much cheaper than partitioning.
    """
    flat = bounds.flags.c_contiguous
    if not np.isinf(limits).any():
        row, column = places(bounds < limits) if flat else places(bounds.T < limits.T)[::-1]
        counts = np.bincount(row, minlength=len(bounds))
        width = int(counts.max(initial=0))
        if width <= 4 * keep:
            return _padded_rows(bounds, row, column, counts)
    column = np.argpartition(np.ascontiguousarray(bounds), min(keep, bounds.shape[1]) - 1, axis=1)[:, :keep]
    return np.take_along_axis(bounds, column, 1), column


def _padded_rows(bounds: Array, row: Array, column: Array, counts: Array) -> tuple[Array, Array]:
    """The bounds at these positions and their columns, row by row, padded with inf."""
    if len(row) and (np.diff(row) < 0).any():
        order = np.argsort(row, kind="stable")
        row, column = row[order], column[order]
    place = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
    shape = len(bounds), int(counts.max(initial=0))
    values, columns = np.full(shape, np.inf, bounds.dtype), np.zeros(shape, np.int64)
    values[row, place], columns[row, place] = bounds[row, column], column
    return values, columns


def places(mask: Array) -> tuple[Array, Array]:
    """`np.nonzero`, faster for a table with few true values."""
    row, column = np.divmod(np.flatnonzero(mask), mask.shape[1])
    return row, column


def _in_clusters(
    queries: Array, points: Array, rows: Array, exclude_self: bool, squares: Array, indices: Array
) -> None:
    """Fill in the remaining queries, whose neighbours are too close together for products with a far origin.

    All distances from one of them, the pivot, are computed, and products around it take it as the origin. If the k-th
    neighbour of the pivot is at distance r, then every query within 4r of it has k neighbours within 5r, and these are
    within 9r of the pivot.
    """
    k = squares.shape[1]
    while len(rows):
        pivot, rows = rows[:1], rows[1:]
        to_points = _squares(queries, points, pivot, np.arange(len(points)))
        to_rows = to_points[rows] if exclude_self else _squares(queries, queries, pivot, rows)
        distances = to_points.copy()
        distances[pivot[:exclude_self]] = np.inf
        order = np.argsort(distances, kind="stable")[:k]
        squares[pivot], indices[pivot], reach = distances[order], order, distances[order[-1]]
        group = rows[to_rows <= 16 * reach]
        (around,) = np.nonzero(to_points <= 81.001 * reach)
        if not len(group) or len(around) == len(points):
            continue
        own = np.searchsorted(around, group) if exclude_self else None
        search = _by_products(DistancePairs(queries[group], points[around], np.float64), own, k)
        squares[group], indices[group] = search.squares, around[search.indices]
        rows = np.setdiff1d(rows, group[search.settled], assume_unique=True)


def _squares(a: Array, b: Array, i: Array, j: Array) -> Array:
    """Squared distances from rows i of `a` to rows j of `b`; a single i is used for every j."""
    squares = np.empty(len(j))
    for chunk in strips(len(j), max(1, CHUNK // b.shape[1])):
        gap = np.subtract(a[i if len(i) == 1 else i[chunk]], b[j[chunk]], dtype=np.float64)
        squares[chunk] = np.einsum("nf,nf->n", gap, gap)
    return squares


def _centred(rows: Array, centre: Array, precision: Any) -> tuple[Array, Array]:
    """Rows less the centre in `precision`, and their squared norms in float64."""
    shifted, norms = np.empty(rows.shape, precision), np.empty(len(rows))
    for chunk in strips(len(rows), max(1, CHUNK // rows.shape[1])):
        exact = rows[chunk] - centre
        norms[chunk] = np.einsum("nf,nf->n", exact, exact)
        shifted[chunk] = exact
    return shifted, norms


def strips(count: int, size: int, start: int = 0) -> Iterator[slice]:
    """Slices of `size` rows that cover the rows from `start` to `count`."""
    for first in range(start, count, size):
        yield slice(first, min(count, first + size))


def working_precision(a: Array, b: Array) -> Any:
    """The precision in which bounds of the distances between `a` and `b` are computed first.

    Float64 for few dimensions, and where squares of the features are near either end of float32's range.
    """
    largest = max(float(max(x.max(initial=0), -x.min(initial=0))) for x in (a, b))  # without a copy of either
    return np.float32 if a.shape[1] >= FLOAT32_MIN_DIMENSIONS and 1e-12 < largest < 1e12 else np.float64
