"""The normal distribution in any dimension."""

from __future__ import annotations

from typing import Any

import numpy as np

from twoplayer.core.errors import UserError
from twoplayer.theory._base import CanonicalForm, Continuous
from twoplayer.theory._checks import Array, coordinates, finite_array, vector

__all__ = ["Gaussian"]

PANEL_EDGES = np.array([-12, -9, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7, 9, 12], dtype=np.float64)
"""Edges of quadrature panels in deviations: eight nodes in each integrate a normal density to rounding; 2e-33 of the
probability lies outside."""
MAX_DEVIATION = 1e150
"""Largest deviation, and the inverse of the smallest: their squares are normal float64 numbers."""


class Gaussian(Continuous):
    """The normal distribution N(mean, covariance).

    Args:
        mean: A number, or a vector (d,). Default 0.
        std: The deviation of independent coordinates: a number, or one for each coordinate. Default 1.
        covariance: A symmetric positive definite matrix (d, d), instead of `std`.

    Raises:
        UserError: If both `std` and `covariance` are set, shapes do not fit, or the covariance is not positive
            definite.

    >>> float(Gaussian(0.0, 2.0).covariance[0, 0])
    4.0
    """

    def __init__(self, mean: Any = 0.0, std: Any = None, covariance: Any = None) -> None:
        self._mean = vector("the mean of a Gaussian", mean)
        self.dimension = len(self._mean)
        if std is not None and covariance is not None:
            raise UserError("a Gaussian takes a std or a covariance, not both")
        self._covariance = self._diagonal(1.0 if std is None else std) if covariance is None else self._full(covariance)
        self.factor = self._root()
        self._whiten = np.linalg.inv(self.factor)
        self.log_determinant = float(2 * np.log(np.diag(self.factor)).sum())

    def _diagonal(self, std: Any) -> Array:
        deviations = finite_array("the std of a Gaussian", std)
        if deviations.shape not in ((), (self.dimension,)):
            raise UserError(
                f"the std of a Gaussian must be one number or {self.dimension}, one for each coordinate; "
                "give a matrix as covariance="
            )
        if (deviations <= 0).any():
            raise UserError(f"the std of a Gaussian must be positive, not {deviations.min():g}")
        if deviations.min() < 1 / MAX_DEVIATION or deviations.max() > MAX_DEVIATION:
            raise UserError(
                f"the std of a Gaussian must lie between {1 / MAX_DEVIATION:g} and {MAX_DEVIATION:g}, "
                "since float64 must hold its square; for a single point use Empirical"
            )
        return np.diag(np.broadcast_to(deviations**2, (self.dimension,)))

    def _full(self, covariance: Any) -> Array:
        matrix = np.atleast_2d(finite_array("the covariance of a Gaussian", covariance))
        if matrix.shape != (self.dimension, self.dimension) or not np.allclose(matrix, matrix.T, atol=1e-12):
            raise UserError(f"the covariance of this Gaussian must be a symmetric matrix of {self.dimension} rows")
        return (matrix + matrix.T) / 2

    def _root(self) -> Array:
        """The lower triangular L with LLᵀ = covariance."""
        try:
            return np.asarray(np.linalg.cholesky(self._covariance))
        except np.linalg.LinAlgError:
            raise UserError("the covariance of a Gaussian must be positive definite") from None

    @property
    def mean(self) -> Array:
        return self._mean

    @property
    def covariance(self) -> Array:
        return self._covariance

    def log_density(self, x: Array) -> Array:
        z = (coordinates(x, self.dimension) - self._mean) @ self._whiten.T
        return np.asarray(-0.5 * ((z**2).sum(axis=1) + self.dimension * np.log(2 * np.pi) + self.log_determinant))

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        return self._mean + rng.standard_normal((n, self.dimension)) @ self.factor.T

    def edges(self, axis: int) -> Array:
        return np.asarray(self._mean[axis] + PANEL_EDGES * np.sqrt(self._covariance[axis, axis]))

    def cumulative(self, x: Array) -> Array:
        from scipy.special import ndtr

        self.require_line("a cumulative probability")
        return np.asarray(ndtr((x - self._mean[0]) / self.factor[0, 0]))

    def _quantile(self, u: Array) -> Array:
        from scipy.special import ndtri

        return np.asarray(np.clip(self._mean[0] + self.factor[0, 0] * ndtri(u), *self.edges(0)[[0, -1]]))

    def canonical_form(self) -> tuple[Array, CanonicalForm]:
        return self._mean, ("gaussian", self._covariance)

    def __repr__(self) -> str:
        return f"Gaussian(mean={self._mean.tolist()}, covariance={self._covariance.tolist()})"
