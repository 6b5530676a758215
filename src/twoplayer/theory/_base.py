"""The root of the densities, and what makes one continuous."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np

from twoplayer.core.errors import UserError
from twoplayer.theory._checks import Array, probabilities

__all__ = ["Continuous", "Density", "Shape", "by_bisection", "log_mixture", "one_space"]

BISECTIONS = 80
"""Halvings of a bracket until a quantile is known to the last bit or nearly."""
Shape = tuple[Any, ...]


class Density(ABC):
    """A probability distribution on R^d: continuous, on segments, on atoms, or a mixture of these. Float64."""

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
        """Natural logarithm of the density at `x`, (n, d) to (n,), −∞ outside the support.

        Raises `UserError` where there is no density: atoms, and segments in more than one dimension.
        """

    @abstractmethod
    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """`n` independent draws, of shape (n, d)."""

    @abstractmethod
    def pieces(self) -> list[tuple[float, Density]]:
        """Weights and pure parts: continuous densities, segments, atoms."""

    @abstractmethod
    def edges(self, axis: int) -> Array:
        """Where along `axis` the distribution begins, ends, breaks or varies: the panels of a quadrature rule."""

    @abstractmethod
    def cumulative(self, x: Array) -> Array:
        """P(X ≤ x) on the line, (n,) to (n,)."""

    @abstractmethod
    def shape(self) -> tuple[Array, Shape]:
        """An anchor (d,) and what stays the same when the distribution is translated."""

    def density(self, x: Array) -> Array:
        """The density itself, (n, d) to (n,)."""
        return np.exp(self.log_density(x))

    def quantile(self, u: Array) -> Array:
        """The least x with P(X ≤ x) ≥ u, on the line, (n,) to (n,). Raises `UserError` for u outside [0, 1]."""
        self.on_the_line("a quantile")
        return self._quantile(probabilities(u))

    @abstractmethod
    def _quantile(self, u: Array) -> Array:
        """`quantile` of checked probabilities, on the line."""

    def on_the_line(self, what: str) -> None:
        if self.dimension != 1:
            raise UserError(f"{what} needs a density on the line, and this one lives in {self.dimension} dimensions")


class Continuous(Density):
    """A density with respect to volume."""

    def pieces(self) -> list[tuple[float, Density]]:
        return [(1.0, self)]


def one_space(*densities: Density) -> int:
    """The one dimension of all of them. Raises `UserError` for what is no density."""
    for density in densities:
        if not isinstance(density, Density):
            kind = type(density).__name__
            raise UserError(f"a density is wanted here, not an object of type {kind}; wrap samples in Empirical")
    dimensions = [density.dimension for density in densities]
    if len(set(dimensions)) != 1:
        found = " and ".join(map(str, dimensions))
        raise UserError(f"densities must live in the same space, and these have {found} dimensions")
    return dimensions[0]


def log_mixture(weighted: Sequence[tuple[float, Density]], x: Array) -> Array:
    """log Σ wᵢ pᵢ(x), without underflow."""
    terms = np.stack([np.log(weight) + piece.log_density(x) for weight, piece in weighted])
    top = terms.max(axis=0)
    finite = np.where(np.isfinite(top), top, 0.0)
    with np.errstate(divide="ignore"):
        return np.asarray(finite + np.log(np.exp(terms - finite).sum(axis=0)))


def by_bisection(density: Density, u: Array) -> Array:
    """Quantiles of a density on the line that has no formula for them."""
    ends = density.edges(0)
    low, high = np.full_like(u, ends[0]), np.full_like(u, ends[-1])
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        above = density.cumulative(middle) >= u
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return high
