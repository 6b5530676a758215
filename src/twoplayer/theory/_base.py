"""The root of the densities, and what makes one continuous."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np

from twoplayer.errors import UserError
from twoplayer.theory._checks import Array

__all__ = ["Continuous", "Density", "Shape", "by_bisection", "log_mixture"]

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

    @abstractmethod
    def quantile(self, u: Array) -> Array:
        """The least x with P(X ≤ x) ≥ u, on the line, (n,) to (n,)."""

    def on_the_line(self, what: str) -> None:
        if self.dimension != 1:
            raise UserError(f"{what} needs a density on the line, and this one lives in {self.dimension} dimensions")


class Continuous(Density):
    """A density with respect to volume."""

    def pieces(self) -> list[tuple[float, Density]]:
        return [(1.0, self)]


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
