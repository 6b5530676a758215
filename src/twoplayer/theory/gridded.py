"""A density computed by any function, on a box in one or two dimensions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from twoplayer.core.errors import UserError
from twoplayer.theory._base import CanonicalForm, Continuous, quantile_by_bisection
from twoplayer.theory._checks import Array, coordinates, equal_length, vector
from twoplayer.theory._cubature import (
    NODES_PER_PANEL,
    Cells,
    cell_integrals,
    integrate,
    quadrature_points,
    tensor_cells,
)

__all__ = ["Gridded"]

INTEGRAL_TOLERANCE = 1e-3
"""Largest difference between the integral of a density and 1; the density is then divided by its integral."""


class Gridded(Continuous):
    """The density `function` inside a box, and zero outside it.

    Integrals start from eight Gauss-Legendre nodes in each panel of the grid, so no feature may be much finer than a
    panel; between nodes the function itself is evaluated, without interpolation. Samples are uniform inside a panel.

    Args:
        function: The density, (n, d) to (n,), with d 1 or 2; finite and not negative.
        lower: The lower corner of the box, a number or (d,).
        upper: The upper corner of the box, a number or (d,).
        resolution: Panels along each axis, at least 1. Default None: 256 on the line, 64 in the plane.
        normalize: Whether `function` is only proportional to the density. Default False.

    Raises:
        UserError: If the box is empty, the function's values are not valid, or its integral is not one.

    >>> import numpy as np
    >>> triangle = Gridded(lambda x: 1 - np.abs(x[:, 0]), -1, 1)
    >>> round(float(triangle.cumulative(np.array([0.5]))[0]), 6)
    0.875
    """

    def __init__(
        self,
        function: Callable[[Array], Array],
        lower: Any,
        upper: Any,
        resolution: int | None = None,
        *,
        normalize: bool = False,
    ) -> None:
        self.lower, self.upper = vector("the lower corner", lower), vector("the upper corner", upper)
        self.dimension = equal_length("the lower corner", self.lower, "the upper corner", self.upper)
        self._check_box(resolution)
        self.function, self.resolution = function, resolution or (256 if self.dimension == 1 else 64)
        self.cells = tensor_cells([self.edges(axis) for axis in range(self.dimension)])
        self.integral = integrate(self._raw, self.cells)
        self._check_integral(normalize)
        masses = cell_integrals(self._raw, self.cells)
        self._panels_integral = masses.sum()
        self._panel_masses = masses / self._panels_integral
        self._cumulative_masses = np.concatenate([[0.0], np.cumsum(self._panel_masses)])

    def _check_box(self, resolution: int | None) -> None:
        if self.dimension > 2:
            raise UserError(f"a gridded density has one or two dimensions, not {self.dimension}; use samples instead")
        if (self.upper <= self.lower).any():
            raise UserError("the upper corner of the grid must lie above the lower one in every coordinate")
        if resolution is not None and resolution < 1:
            raise UserError(f"the resolution of a grid must be at least 1, not {resolution}")

    def _check_integral(self, normalize: bool) -> None:
        if self.integral <= 0:
            raise UserError("this function is zero on the whole grid; move the grid to where the density is")
        if not normalize and abs(self.integral - 1) > INTEGRAL_TOLERANCE:
            raise UserError(
                f"this density integrates to {self.integral:.6g} on the grid, not to one; "
                "widen the grid, or pass normalize=True to divide by the integral"
            )

    def _raw(self, x: Array) -> Array:
        values = np.asarray(self.function(x), dtype=np.float64)
        if values.shape != (len(x),):
            raise UserError(f"a gridded function must return one value for each point, not the shape {values.shape}")
        if not np.isfinite(values).all() or (values < 0).any():
            raise UserError("a gridded function must return finite values that are not negative")
        return values

    def _moment(self, function: Callable[[Array], Array]) -> Array:
        rule = quadrature_points(self.cells)
        return np.asarray((self._raw(rule.nodes) * rule.weights) @ function(rule.nodes) / self.integral)

    @property
    def mean(self) -> Array:
        return self._moment(lambda x: x)

    @property
    def covariance(self) -> Array:
        mean, d = self.mean, self.dimension
        products = self._moment(lambda x: ((x - mean)[:, :, None] * (x - mean)[:, None]).reshape(len(x), d * d))
        return products.reshape(d, d)

    def log_density(self, x: Array) -> Array:
        x = coordinates(x, self.dimension)
        within = ((x >= self.lower) & (x <= self.upper)).all(axis=1)
        values = np.full(len(x), -np.inf)
        with np.errstate(divide="ignore"):
            values[within] = np.log(self._raw(x[within])) - np.log(self.integral)
        return values

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        panels = rng.choice(len(self._panel_masses), size=n, p=self._panel_masses)
        return self.cells.lower[panels] + rng.uniform(size=(n, self.dimension)) * self.cells.width[panels]

    def edges(self, axis: int) -> Array:
        return np.linspace(self.lower[axis], self.upper[axis], self.resolution + 1)

    def cumulative(self, x: Array) -> Array:
        self.require_line("a cumulative probability")
        x = np.clip(x, self.lower[0], self.upper[0])
        lower = self.edges(0)[:-1]
        panel = np.clip(np.searchsorted(lower, x, side="right") - 1, 0, len(lower) - 1)
        rule = quadrature_points(Cells(lower[panel, None], (x - lower[panel])[:, None]))
        partial = (self._raw(rule.nodes) * rule.weights).reshape(-1, NODES_PER_PANEL).sum(
            axis=1
        ) / self._panels_integral
        return np.asarray(np.minimum(self._cumulative_masses[panel] + partial, 1.0))

    def _quantile(self, u: Array) -> Array:
        return quantile_by_bisection(self, u)

    def canonical_form(self) -> tuple[Array, CanonicalForm]:
        return self.lower, ("gridded", self)

    def __repr__(self) -> str:
        return f"Gridded(lower={self.lower.tolist()}, upper={self.upper.tolist()}, resolution={self.resolution})"
