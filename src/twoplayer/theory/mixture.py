"""Mixtures of any densities, continuous or not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from twoplayer.core.errors import UserError
from twoplayer.theory._base import CanonicalForm, Density, log_mixture, quantile_by_bisection, shared_dimension
from twoplayer.theory._checks import Array, probability_weights

__all__ = ["Mixture"]


class Mixture(Density):
    """The mixture Σ wᵢ pᵢ of any distributions.

    Args:
        weights: Probabilities that sum to one, (k,).
        components: k distributions of one dimension.

    Raises:
        UserError: If there is no component, their dimensions differ, or the weights are not probabilities.

    >>> from twoplayer.theory import Uniform
    >>> Mixture([0.33, 0.67], [Uniform(0, 1), Uniform(2, 3)]).mean.round(2).tolist()
    [1.84]
    """

    def __init__(self, weights: Any, components: Sequence[Density]) -> None:
        self.components = tuple(components)
        if not self.components:
            raise UserError("a mixture needs at least one component")
        self.dimension = shared_dimension(*self.components)
        self.weights = probability_weights("the weights of a mixture", weights, len(self.components))

    @property
    def mean(self) -> Array:
        return self.weights @ np.stack([c.mean for c in self.components])

    @property
    def covariance(self) -> Array:
        offsets = np.stack([c.mean for c in self.components]) - self.mean
        within = np.tensordot(self.weights, np.stack([c.covariance for c in self.components]), axes=1)
        return np.asarray(within + (self.weights * offsets.T) @ offsets)

    def log_density(self, x: Array) -> Array:
        return log_mixture(self.pieces(), x)

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        counts = rng.multinomial(n, self.weights)
        draws = [c.sample(k, rng) for k, c in zip(counts, self.components, strict=True)]
        return np.asarray(rng.permutation(np.concatenate(draws)))

    def pieces(self) -> list[tuple[float, Density]]:
        parts = zip(self.weights.tolist(), self.components, strict=True)
        return [(w * weight, piece) for w, c in parts for weight, piece in c.pieces() if w * weight > 0]

    def edges(self, axis: int) -> Array:
        return np.unique(np.concatenate([c.edges(axis) for c in self.components]))

    def cumulative(self, x: Array) -> Array:
        self.require_line("a cumulative probability")
        return self.weights @ np.stack([c.cumulative(x) for c in self.components])

    def _quantile(self, u: Array) -> Array:
        return quantile_by_bisection(self, u)

    def canonical_form(self) -> tuple[Array, CanonicalForm]:
        anchors, shapes = zip(*(c.canonical_form() for c in self.components), strict=True)
        return anchors[0], ("mixture", self.weights, np.stack(anchors) - anchors[0], *shapes)

    def __repr__(self) -> str:
        return f"Mixture({self.weights.tolist()}, {list(self.components)})"
