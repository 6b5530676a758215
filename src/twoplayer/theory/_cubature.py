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

__all__ = [
    "Cells",
    "CubaturePoints",
    "cell_integrals",
    "integrate",
    "merge_edges",
    "quadrature_points",
    "refine",
    "tensor_cells",
]

NODES_PER_PANEL = 8
"""Gauss-Legendre nodes in each panel and direction."""
MAX_EVALUATIONS_AT_ONCE = 1 << 18
"""Function values held in memory at once."""
MAX_UNRESOLVED_CELLS = 100_000
"""Number of unresolved cells beyond which subdivision stops."""
MAX_HALVINGS = {1: 40, 2: 9}
"""Halvings of a cell after which it is not split further, by dimension."""
CELL_TOLERANCE = {1: 1e-14, 2: 1e-11}
"""Error of a cell at which it is not split further, by dimension; relative to the integral if that exceeds one."""


class Cells(NamedTuple):
    """Boxes: lower corners and widths, (n, d) each."""

    lower: Array
    width: Array


class CubaturePoints(NamedTuple):
    """Nodes (n, d) and weights (n,)."""

    nodes: Array
    weights: Array


def merge_edges(*edges: Array) -> Array:
    """All edges in ascending order, without those that differ from another by rounding only."""
    merged = np.unique(np.concatenate(edges))
    near = np.diff(merged) <= 1e-13 * np.maximum(np.abs(merged[1:]), merged[-1] - merged[0])
    return np.asarray(merged[np.concatenate([[True], ~near])])


def tensor_cells(edges: Sequence[Array]) -> Cells:
    """The boxes between the edges of each axis."""
    lower = np.stack(np.meshgrid(*[e[:-1] for e in edges], indexing="ij"), axis=-1)
    width = np.stack(np.meshgrid(*[np.diff(e) for e in edges], indexing="ij"), axis=-1)
    return Cells(lower.reshape(-1, len(edges)), width.reshape(-1, len(edges)))


@cache
def _rule(dimension: int, nodes: int) -> CubaturePoints:
    """On the unit box."""
    x, w = np.polynomial.legendre.leggauss(nodes)
    each = np.array(list(itertools.product((x + 1) / 2, repeat=dimension)))
    return CubaturePoints(each, np.prod(list(itertools.product(w / 2, repeat=dimension)), axis=1))


def quadrature_points(cells: Cells, nodes: int = NODES_PER_PANEL) -> CubaturePoints:
    """The Gauss-Legendre rule of every cell: (n · nodes^d) points and their weights."""
    rule = _rule(cells.lower.shape[1], nodes)
    at = cells.lower[:, None] + cells.width[:, None] * rule.nodes
    weights = cells.width.prod(axis=1)[:, None] * rule.weights
    return CubaturePoints(at.reshape(-1, cells.lower.shape[1]), weights.reshape(-1))


def cell_integrals(function: Callable[[Array], Array], cells: Cells) -> Array:
    """The integral over each cell by the plain rule, (n,)."""
    dimension = cells.lower.shape[1]
    count = max(1, MAX_EVALUATIONS_AT_ONCE // NODES_PER_PANEL**dimension)
    integrals = [np.zeros(0)]
    for start in range(0, len(cells.lower), count):
        part = Cells(cells.lower[start : start + count], cells.width[start : start + count])
        at = quadrature_points(part)
        integrals.append((function(at.nodes) * at.weights).reshape(len(part.lower), -1).sum(axis=1))
    return np.concatenate(integrals)


def _split(cells: Cells) -> Cells:
    dimension = cells.lower.shape[1]
    corners = np.array(list(itertools.product([0.0, 0.5], repeat=dimension)))
    lower = cells.lower[:, None] + cells.width[:, None] * corners
    return Cells(lower.reshape(-1, dimension), np.repeat(cells.width / 2, len(corners), axis=0))


def _select(cells: Cells, mask: Array) -> Cells:
    return Cells(cells.lower[mask], cells.width[mask])


class _Refinement(NamedTuple):
    integral: float
    cells: list[Cells]


def _refine(function: Callable[[Array], Array], cells: Cells, halvings: int) -> _Refinement:
    dimension = cells.lower.shape[1]
    coarse = cell_integrals(function, cells)
    if not np.isfinite(coarse).all():
        return _Refinement(float("inf"), [cells])
    tolerance = CELL_TOLERANCE[dimension] * max(1.0, np.abs(coarse).sum())
    total, leaves = 0.0, []
    for depth in range(halvings):
        halves = _split(cells)
        fine = cell_integrals(function, halves)
        if not np.isfinite(fine).all():
            return _Refinement(float("inf"), [cells])
        whole = fine.reshape(len(coarse), -1).sum(axis=1)
        unresolved = np.abs(whole - coarse) > tolerance
        if depth == halvings - 1 or unresolved.sum() > MAX_UNRESOLVED_CELLS:
            unresolved[:] = False
        total += whole[~unresolved].sum()
        unresolved_halves = np.repeat(unresolved, 2**dimension)
        # A cell that its halves agree with is as good as its halves, and has fewer nodes.
        agree = ~unresolved & (np.abs(whole - coarse) <= tolerance)
        leaves += [_select(cells, agree), _select(halves, np.repeat(~unresolved & ~agree, 2**dimension))]
        cells, coarse = _select(halves, unresolved_halves), fine[unresolved_halves]
        if not unresolved.any():
            break
    return _Refinement(float(total), leaves)


def integrate(function: Callable[[Array], Array], cells: Cells) -> float:
    """The integral over the cells, which are split where they do not resolve the function.

    Kinks, such as those of |p − q|, are resolved down to 2⁻⁴⁰ of a panel in one dimension and 2⁻⁹ in two.

    Args:
        function: (n, d) to (n,).
        cells: Boxes that cover the domain.

    Returns:
        The integral; ∞ if a value is not finite.
    """
    return _refine(function, cells, MAX_HALVINGS[cells.lower.shape[1]]).integral


def refine(function: Callable[[Array], Array], cells: Cells, halvings: int) -> Cells:
    """The cells split until they resolve `function`, each at most `halvings` times."""
    parts = _refine(function, cells, halvings).cells
    return Cells(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))
