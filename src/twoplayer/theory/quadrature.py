"""Nodes and weights for integrals of one's own over the supports of densities."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np

from twoplayer.core.errors import UserError
from twoplayer.theory._base import Continuous, Density, one_space
from twoplayer.theory._checks import Array
from twoplayer.theory._cubature import NODES, cells_of, place, refine, union

__all__ = ["QuadratureGrid", "grid"]


class QuadratureGrid(NamedTuple):
    """Points (n, d) and weights (n,): Σ weights · g(points) ≈ ∫ g(x) dx."""

    points: Array
    weights: Array


def grid(*densities: Density, nodes: int = NODES, halvings: int = 0) -> QuadratureGrid:
    """A Gauss-Legendre rule over the union of the supports, in one or two dimensions.

    Panels end where a density does and are as wide as its deviation, out to twelve of them. Integrands with a kink
    where two of the densities cross, such as |p − q|, need `halvings`: how often a panel that does not resolve the
    crossing may be halved (30 for rounding on the line; 6 for about 1e-6 in the plane). Every density must be
    continuous.
    """
    dimension = one_space(*densities) if densities else 0
    if not dimension or not all(isinstance(c, Continuous) for d in densities for _, c in d.pieces()):
        raise UserError("a grid needs one continuous density or more; sum over the atoms of samples instead")
    if dimension > 2:
        raise UserError(f"a grid covers one or two dimensions, not {dimension}; draw samples instead")
    cells = cells_of([union(*(d.edges(axis) for d in densities)) for axis in range(dimension)])
    if halvings:
        cells = refine(lambda x: _crossings(densities, x), cells, halvings)
    return QuadratureGrid(*place(cells, nodes))


def _crossings(densities: tuple[Density, ...], x: Array) -> Array:
    values = [d.density(x) for d in densities]
    return np.asarray(sum((np.abs(a - b) for a, b in itertools.combinations(values, 2)), np.zeros(len(x))))
