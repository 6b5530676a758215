"""Gauss-Legendre quadrature on boxes, and its adaptive form: a cell is split until its halves agree with it.

Source: Genz and Malik, 1980, "An adaptive algorithm for numerical integration over an N-dimensional rectangular
region" (the idea of local subdivision; the rule here is a tensor product, for one and two dimensions).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

from twoplayer.theory._checks import Array

__all__ = ["Cells", "CubaturePoints", "cells_of", "integrate", "place", "refine", "sums", "union"]

NODES = 8
"""In each panel and direction."""
AT_ONCE = 1 << 18
"""Function values held in memory together."""
MOST_CELLS = 100_000
"""Unresolved cells after which a subdivision stops."""
DEPTH = {1: 40, 2: 9}
TOLERANCE = {1: 1e-14, 2: 1e-11}
"""Of a cell, relative to the integral when that is more than one."""


class Cells(NamedTuple):
    """Boxes: lower corners and widths, (n, d) each."""

    lower: Array
    width: Array


class CubaturePoints(NamedTuple):
    """Nodes (n, d) and weights (n,)."""

    nodes: Array
    weights: Array


def union(*edges: Array) -> Array:
    """All edges in order, those that differ by rounding only once."""
    merged = np.unique(np.concatenate(edges))
    near = np.diff(merged) <= 1e-13 * np.maximum(np.abs(merged[1:]), merged[-1] - merged[0])
    return np.asarray(merged[np.concatenate([[True], ~near])])


def cells_of(edges: Sequence[Array]) -> Cells:
    """The tensor product of the panels between the edges of each axis."""
    lower = np.stack(np.meshgrid(*[e[:-1] for e in edges], indexing="ij"), axis=-1)
    width = np.stack(np.meshgrid(*[np.diff(e) for e in edges], indexing="ij"), axis=-1)
    return Cells(lower.reshape(-1, len(edges)), width.reshape(-1, len(edges)))


@cache
def _rule(dimension: int, nodes: int) -> CubaturePoints:
    """On the unit box."""
    x, w = np.polynomial.legendre.leggauss(nodes)
    each = np.array(list(itertools.product((x + 1) / 2, repeat=dimension)))
    return CubaturePoints(each, np.prod(list(itertools.product(w / 2, repeat=dimension)), axis=1))


def place(cells: Cells, nodes: int = NODES) -> CubaturePoints:
    """The rule of every cell: (n · nodes^d) points and their weights."""
    rule = _rule(cells.lower.shape[1], nodes)
    at = cells.lower[:, None] + cells.width[:, None] * rule.nodes
    weights = cells.width.prod(axis=1)[:, None] * rule.weights
    return CubaturePoints(at.reshape(-1, cells.lower.shape[1]), weights.reshape(-1))


def sums(function: Callable[[Array], Array], cells: Cells) -> Array:
    """The integral over each cell, by the plain rule."""
    dimension = cells.lower.shape[1]
    count = max(1, AT_ONCE // NODES**dimension)
    found = [np.zeros(0)]
    for start in range(0, len(cells.lower), count):
        part = Cells(cells.lower[start : start + count], cells.width[start : start + count])
        at = place(part)
        found.append((function(at.nodes) * at.weights).reshape(len(part.lower), -1).sum(axis=1))
    return np.concatenate(found)


def _split(cells: Cells) -> Cells:
    dimension = cells.lower.shape[1]
    corners = np.array(list(itertools.product([0.0, 0.5], repeat=dimension)))
    lower = cells.lower[:, None] + cells.width[:, None] * corners
    return Cells(lower.reshape(-1, dimension), np.repeat(cells.width / 2, len(corners), axis=0))


def _pick(cells: Cells, which: Array) -> Cells:
    return Cells(cells.lower[which], cells.width[which])


class _Refined(NamedTuple):
    integral: float
    cells: list[Cells]


def _refine(function: Callable[[Array], Array], cells: Cells, halvings: int) -> _Refined:
    dimension = cells.lower.shape[1]
    coarse = sums(function, cells)
    if not np.isfinite(coarse).all():
        return _Refined(float("inf"), [cells])
    tolerance = TOLERANCE[dimension] * max(1.0, np.abs(coarse).sum())
    total, leaves = 0.0, []
    for depth in range(halvings):
        halves = _split(cells)
        fine = sums(function, halves)
        if not np.isfinite(fine).all():
            return _Refined(float("inf"), [cells])
        whole = fine.reshape(len(coarse), -1).sum(axis=1)
        open_ = np.abs(whole - coarse) > tolerance
        if depth == halvings - 1 or open_.sum() > MOST_CELLS:
            open_[:] = False
        total += whole[~open_].sum()
        again = np.repeat(open_, 2**dimension)
        # A cell that its halves agree with is as good as its halves, and has fewer nodes.
        agree = ~open_ & (np.abs(whole - coarse) <= tolerance)
        leaves += [_pick(cells, agree), _pick(halves, np.repeat(~open_ & ~agree, 2**dimension))]
        cells, coarse = _pick(halves, again), fine[again]
        if not open_.any():
            break
    return _Refined(float(total), leaves)


def integrate(function: Callable[[Array], Array], cells: Cells) -> float:
    """∫ function over the cells, which are split where they do not resolve it; ∞ when a value is not finite.

    Kinks, such as those of |p − q|, are followed down to 2⁻⁴⁰ of a panel in one dimension and 2⁻⁹ in two.
    """
    return _refine(function, cells, DEPTH[cells.lower.shape[1]]).integral


def refine(function: Callable[[Array], Array], cells: Cells, halvings: int) -> Cells:
    """The cells split until they resolve `function`, each at most `halvings` times."""
    parts = _refine(function, cells, halvings).cells
    return Cells(*(np.concatenate(each) for each in zip(*parts, strict=True)))
