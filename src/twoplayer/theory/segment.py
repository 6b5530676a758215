"""The uniform distribution on a line segment.

Source: Arjovsky, Chintala and Bottou, 2017, "Wasserstein GAN", Example 1 (learning parallel lines).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from twoplayer.core.errors import UserError
from twoplayer.theory._base import CanonicalForm, Density
from twoplayer.theory._checks import Array, equal_length, vector
from twoplayer.theory.uniform import Uniform

__all__ = ["Segment"]


class Segment(Density):
    """The uniform distribution on a line segment in R^d.

    In two dimensions and more it has no density with respect to volume; on the line it is `Uniform`.

    Args:
        start: One end, a number or (d,).
        end: The other end.

    Raises:
        UserError: If the ends are equal or differ in dimension.

    >>> Segment([0, 0], [0, 1]).mean.tolist()
    [0.0, 0.5]
    """

    def __init__(self, start: Any, end: Any) -> None:
        self.start, self.end = vector("the start of a segment", start), vector("the end of a segment", end)
        self.dimension = equal_length("the start of a segment", self.start, "the end of a segment", self.end)
        self.length = float(np.linalg.norm(self.end - self.start))
        if self.length == 0:
            raise UserError("a segment needs two different ends; for a single point use Empirical")

    @property
    def mean(self) -> Array:
        return (self.start + self.end) / 2

    @property
    def covariance(self) -> Array:
        return np.outer(self.end - self.start, self.end - self.start) / 12

    def log_density(self, x: Array) -> Array:
        return self.interval().log_density(x)

    def interval(self) -> Uniform:
        """The same distribution as `Uniform`. Raises `UserError` unless it is on the line."""
        if self.dimension != 1:
            raise UserError(
                "a segment in more than one dimension has no density: compare it by a divergence, or by samples"
            )
        return Uniform(*np.sort(np.concatenate([self.start, self.end])))

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        return self.start + rng.uniform(size=(n, 1)) * (self.end - self.start)

    def pieces(self) -> list[tuple[float, Density]]:
        return [(1.0, self.interval() if self.dimension == 1 else self)]

    def edges(self, axis: int) -> Array:
        return np.unique([self.start[axis], self.end[axis]])

    def cumulative(self, x: Array) -> Array:
        self.require_line("a cumulative probability")
        return self.interval().cumulative(x)

    def _quantile(self, u: Array) -> Array:
        return self.interval().quantile(u)

    def canonical_form(self) -> tuple[Array, CanonicalForm]:
        return self.mean, ("segment", np.outer(self.end - self.start, self.end - self.start))

    def __repr__(self) -> str:
        return f"Segment({self.start.tolist()}, {self.end.tolist()})"
