"""The roots of the densities: distributions on R^d, and those with a density with respect to volume."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np

from twoplayer.core.errors import UserError
from twoplayer.theory._checks import Array, probabilities

__all__ = ["CanonicalForm", "Continuous", "Density", "log_mixture", "quantile_by_bisection", "shared_dimension"]

BISECTION_STEPS = 80
"""Halvings of a bracket after which a quantile is exact to about the last bit."""
CanonicalForm = tuple[Any, ...]
"""A description of a distribution that is invariant under translation, to compare by equality."""


class Density(ABC):
    """A probability distribution on R^d: continuous, on segments, on atoms, or a mixture of these. Float64.

    >>> from twoplayer import theory
    >>> p = theory.Gaussian(mean=[0, 0], std=[1, 2])
    >>> p.dimension, p.mean.tolist(), p.covariance.tolist()
    (2, [0.0, 0.0], [[1.0, 0.0], [0.0, 4.0]])
    """

    dimension: int

    @property
    @abstractmethod
    def mean(self) -> Array:
        """E[x], of shape (d,)."""

    @property
    @abstractmethod
    def covariance(self) -> Array:
        """E[(x − E x)(x − E x)ᵀ], of shape (d, d)."""

    @abstractmethod
    def log_density(self, x: Array) -> Array:
        """The natural logarithm of the density.

        Args:
            x: Points, (n, d).

        Returns:
            Values, (n,), −∞ outside the support.

        Raises:
            UserError: If there is no density: atoms, and segments in more than one dimension.
        """

    @abstractmethod
    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """Independent draws.

        Args:
            n: The number of draws.
            rng: The generator of all random numbers.

        Returns:
            Samples, (n, d).
        """

    @abstractmethod
    def pieces(self) -> list[tuple[float, Density]]:
        """The distribution as a mixture of pure parts, continuous densities, segments and atoms, with their weights."""

    @abstractmethod
    def edges(self, axis: int) -> Array:
        """Points along `axis` between which the density is smooth: the panels of a quadrature rule."""

    @abstractmethod
    def cumulative(self, x: Array) -> Array:
        """P(X ≤ x) on the line, (n,) to (n,). Raises `UserError` in more than one dimension."""

    @abstractmethod
    def canonical_form(self) -> tuple[Array, CanonicalForm]:
        """An anchor (d,) that moves with the distribution, and a form that is invariant under translation."""

    def density(self, x: Array) -> Array:
        """The density, (n, d) to (n,)."""
        return np.exp(self.log_density(x))

    def quantile(self, u: Array) -> Array:
        """The least x with P(X ≤ x) ≥ u, on the line.

        Args:
            u: Probabilities, (n,).

        Returns:
            Quantiles, (n,).

        Raises:
            UserError: If a probability is outside [0, 1], or the distribution is not on the line.
        """
        self.require_line("a quantile")
        return self._quantile(probabilities(u))

    @abstractmethod
    def _quantile(self, u: Array) -> Array:
        """`quantile` of validated probabilities."""

    def require_line(self, operation: str) -> None:
        """Raise `UserError`, which names the `operation`, unless the distribution is on the line."""
        if self.dimension != 1:
            raise UserError(
                f"{operation} needs a density on the line, and this one lives in {self.dimension} dimensions"
            )


class Continuous(Density):
    """A distribution with a density with respect to volume."""

    def pieces(self) -> list[tuple[float, Density]]:
        return [(1.0, self)]


def shared_dimension(*densities: Density) -> int:
    """The dimension that all densities have. Raises `UserError` if they differ, or for an object that is no density."""
    for density in densities:
        if not isinstance(density, Density):
            kind = type(density).__name__
            raise UserError(f"expected a density, not an object of type {kind}; wrap samples in Empirical")
    dimensions = [density.dimension for density in densities]
    if len(set(dimensions)) != 1:
        listed = " and ".join(map(str, dimensions))
        raise UserError(f"densities must live in the same space, and these have {listed} dimensions")
    return dimensions[0]


def log_mixture(weighted: Sequence[tuple[float, Density]], x: Array) -> Array:
    """log Σ wᵢ pᵢ(x), (n, d) to (n,), without underflow."""
    terms = np.stack([np.log(weight) + piece.log_density(x) for weight, piece in weighted])
    top = terms.max(axis=0)
    finite = np.where(np.isfinite(top), top, 0.0)
    with np.errstate(divide="ignore"):
        return np.asarray(finite + np.log(np.exp(terms - finite).sum(axis=0)))


def quantile_by_bisection(density: Density, u: Array) -> Array:
    """Quantiles of a density on the line that has no formula for them."""
    ends = density.edges(0)
    low, high = np.full_like(u, ends[0]), np.full_like(u, ends[-1])
    for _ in range(BISECTION_STEPS):
        middle = (low + high) / 2
        above = density.cumulative(middle) >= u
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return high
