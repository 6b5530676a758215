"""Quadrature grids: nodes and weights for integrals over the supports of densities."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np

from twoplayer.core.errors import UserError
from twoplayer.theory._base import Continuous, Density, shared_dimension
from twoplayer.theory._checks import Array
from twoplayer.theory._cubature import NODES_PER_PANEL, merge_edges, quadrature_points, refine, tensor_cells

__all__ = ["QuadratureGrid", "grid"]


class QuadratureGrid(NamedTuple):
    """Points (n, d) and weights (n,): Σ weights · g(points) ≈ ∫ g(x) dx."""

    points: Array
    weights: Array


def grid(*densities: Density, nodes: int = NODES_PER_PANEL, halvings: int = 0) -> QuadratureGrid:
    """A Gauss-Legendre rule over the union of the supports, in one or two dimensions.

    Panels end where a density ends and are as wide as its deviation, out to twelve deviations.

    Args:
        densities: At least one continuous density.
        nodes: Nodes in each panel and direction, at least 1. Default 8.
        halvings: How often a panel may be halved that does not resolve a crossing of two densities, where an integrand
            such as |p − q| has a kink: 30 for rounding error on the line, 6 for about 1e-6 in the plane. Default 0.

    Returns:
        The points and weights.

    Raises:
        UserError: If there is no density, one is not continuous, or the dimension is more than two.

    >>> from twoplayer import theory
    >>> points, weights = theory.grid(theory.Gaussian(0, 1))
    >>> round(float(weights @ (points[:, 0] ** 2 * theory.Gaussian(0, 1).density(points))), 9)
    1.0
    """
    dimension = shared_dimension(*densities) if densities else 0
    if not dimension or not all(isinstance(c, Continuous) for d in densities for _, c in d.pieces()):
        raise UserError("a grid needs one continuous density or more; sum over the atoms of samples instead")
    if dimension > 2:
        raise UserError(f"a grid covers one or two dimensions, not {dimension}; draw samples instead")
    cells = tensor_cells([merge_edges(*(d.edges(axis) for d in densities)) for axis in range(dimension)])
    if halvings:
        cells = refine(lambda x: _crossings(densities, x), cells, halvings)
    return QuadratureGrid(*quadrature_points(cells, nodes))


def _crossings(densities: tuple[Density, ...], x: Array) -> Array:
    values = [d.density(x) for d in densities]
    return np.asarray(sum((np.abs(a - b) for a, b in itertools.combinations(values, 2)), np.zeros(len(x))))
