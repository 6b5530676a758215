"""Any density that can be computed, on a box in one or two dimensions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from twoplayer.core.errors import UserError
from twoplayer.theory._base import Continuous, Shape, by_bisection
from twoplayer.theory._checks import Array, alike, coordinates, vector
from twoplayer.theory._cubature import NODES, Cells, cells_of, integrate, place, sums

__all__ = ["Gridded"]

LOOSE = 1e-3
"""A density may integrate to one within this much; it is then divided by its integral."""


class Gridded(Continuous):
    """The density `function`, (n, d) to (n,), inside the box from `lower` to `upper`, and zero outside it.

    Integrals start from eight Gauss-Legendre nodes in each of `resolution` panels along every axis, so no feature may
    be much finer than a panel; between nodes the function itself is evaluated, never an interpolation. Samples are
    uniform inside a panel. With `normalize`, the function need only be proportional to the density. d is 1 or 2.
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
        self.dimension = alike("the lower corner", self.lower, "the upper corner", self.upper)
        self._check_box(resolution)
        self.function, self.resolution = function, resolution or (256 if self.dimension == 1 else 64)
        self.cells = cells_of([self.edges(axis) for axis in range(self.dimension)])
        self.integral = integrate(self._raw, self.cells)
        self._check_integral(normalize)
        masses = sums(self._raw, self.cells)
        self._panels_integral = masses.sum()
        self._masses = masses / self._panels_integral
        self._sums = np.concatenate([[0.0], np.cumsum(self._masses)])

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
        if not normalize and abs(self.integral - 1) > LOOSE:
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

    def _moment(self, of: Callable[[Array], Array]) -> Array:
        at = place(self.cells)
        return np.asarray((self._raw(at.nodes) * at.weights) @ of(at.nodes) / self.integral)

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
        found = np.full(len(x), -np.inf)
        with np.errstate(divide="ignore"):
            found[within] = np.log(self._raw(x[within])) - np.log(self.integral)
        return found

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        which = rng.choice(len(self._masses), size=n, p=self._masses)
        return self.cells.lower[which] + rng.uniform(size=(n, self.dimension)) * self.cells.width[which]

    def edges(self, axis: int) -> Array:
        return np.linspace(self.lower[axis], self.upper[axis], self.resolution + 1)

    def cumulative(self, x: Array) -> Array:
        self.on_the_line("a cumulative probability")
        x = np.clip(x, self.lower[0], self.upper[0])
        lower = self.edges(0)[:-1]
        panel = np.clip(np.searchsorted(lower, x, side="right") - 1, 0, len(lower) - 1)
        at = place(Cells(lower[panel, None], (x - lower[panel])[:, None]))
        partial = (self._raw(at.nodes) * at.weights).reshape(-1, NODES).sum(axis=1) / self._panels_integral
        return np.asarray(np.minimum(self._sums[panel] + partial, 1.0))

    def _quantile(self, u: Array) -> Array:
        return by_bisection(self, u)

    def shape(self) -> tuple[Array, Shape]:
        return self.lower, ("gridded", self)

    def __repr__(self) -> str:
        return f"Gridded(lower={self.lower.tolist()}, upper={self.upper.tolist()}, resolution={self.resolution})"
