"""Mixtures of any densities, continuous or not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from twoplayer.core.errors import UserError
from twoplayer.theory._base import Density, Shape, by_bisection, log_mixture, one_space
from twoplayer.theory._checks import Array, shares

__all__ = ["Mixture"]


class Mixture(Density):
    """Σ weightsᵢ componentsᵢ.

    >>> from twoplayer.theory import Uniform
    >>> Mixture([0.33, 0.67], [Uniform(0, 1), Uniform(2, 3)]).mean.round(2).tolist()
    [1.84]
    """

    def __init__(self, weights: Any, components: Sequence[Density]) -> None:
        self.components = tuple(components)
        if not self.components:
            raise UserError("a mixture needs at least one component")
        self.dimension = one_space(*self.components)
        self.weights = shares("the weights of a mixture", weights, len(self.components))

    @property
    def mean(self) -> Array:
        return self.weights @ np.stack([c.mean for c in self.components])

    @property
    def covariance(self) -> Array:
        away = np.stack([c.mean for c in self.components]) - self.mean
        within = np.tensordot(self.weights, np.stack([c.covariance for c in self.components]), axes=1)
        return np.asarray(within + (self.weights * away.T) @ away)

    def log_density(self, x: Array) -> Array:
        return log_mixture(self.pieces(), x)

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        counts = rng.multinomial(n, self.weights)
        drawn = [c.sample(k, rng) for k, c in zip(counts, self.components, strict=True)]
        return np.asarray(rng.permutation(np.concatenate(drawn)))

    def pieces(self) -> list[tuple[float, Density]]:
        parts = zip(self.weights.tolist(), self.components, strict=True)
        return [(w * share, piece) for w, c in parts for share, piece in c.pieces() if w * share > 0]

    def edges(self, axis: int) -> Array:
        return np.unique(np.concatenate([c.edges(axis) for c in self.components]))

    def cumulative(self, x: Array) -> Array:
        self.on_the_line("a cumulative probability")
        return self.weights @ np.stack([c.cumulative(x) for c in self.components])

    def _quantile(self, u: Array) -> Array:
        return by_bisection(self, u)

    def shape(self) -> tuple[Array, Shape]:
        anchors, shapes = zip(*(c.shape() for c in self.components), strict=True)
        return anchors[0], ("mixture", self.weights, np.stack(anchors) - anchors[0], *shapes)

    def __repr__(self) -> str:
        return f"Mixture({self.weights.tolist()}, {list(self.components)})"
