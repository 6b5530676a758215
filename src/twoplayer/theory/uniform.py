"""The uniform distribution on a box."""

from __future__ import annotations

from typing import Any

import numpy as np

from twoplayer.core.errors import UserError
from twoplayer.theory._base import CanonicalForm, Continuous
from twoplayer.theory._checks import Array, coordinates, equal_length, vector

__all__ = ["Uniform"]


class Uniform(Continuous):
    """The uniform distribution on an interval, a rectangle, a box.

    Args:
        lower: The lower corner, a number or (d,). Default 0.
        upper: The upper corner, above `lower` in every coordinate. Default 1.

    Raises:
        UserError: If the box is empty.

    >>> Uniform([0, 0], [2, 4]).mean.tolist()
    [1.0, 2.0]
    """

    def __init__(self, lower: Any = 0.0, upper: Any = 1.0) -> None:
        self.lower, self.upper = vector("the lower corner", lower), vector("the upper corner", upper)
        self.dimension = equal_length("the lower corner", self.lower, "the upper corner", self.upper)
        self.width = self.upper - self.lower
        if (self.width <= 0).any():
            raise UserError("the upper corner of a box must lie above the lower one in every coordinate")

    @property
    def mean(self) -> Array:
        return (self.lower + self.upper) / 2

    @property
    def covariance(self) -> Array:
        return np.diag(self.width**2 / 12)

    def log_density(self, x: Array) -> Array:
        x = coordinates(x, self.dimension)
        within = ((x >= self.lower) & (x <= self.upper)).all(axis=1)
        return np.where(within, -np.log(self.width).sum(), -np.inf)

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        return rng.uniform(self.lower, self.upper, (n, self.dimension))

    def edges(self, axis: int) -> Array:
        return np.array([self.lower[axis], self.upper[axis]])

    def cumulative(self, x: Array) -> Array:
        self.require_line("a cumulative probability")
        return np.asarray(np.clip((x - self.lower[0]) / self.width[0], 0, 1))

    def _quantile(self, u: Array) -> Array:
        return np.asarray(self.lower[0] + u * self.width[0])

    def canonical_form(self) -> tuple[Array, CanonicalForm]:
        return self.lower, ("uniform", self.width)

    def __repr__(self) -> str:
        return f"Uniform(lower={self.lower.tolist()}, upper={self.upper.tolist()})"
