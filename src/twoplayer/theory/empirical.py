"""The empirical distribution of samples, or any discrete distribution."""

from __future__ import annotations

from typing import Any

import numpy as np

from twoplayer.core.errors import UserError
from twoplayer.theory._base import CanonicalForm, Density
from twoplayer.theory._checks import Array, points, probability_weights

__all__ = ["Empirical"]


class Empirical(Density):
    """A distribution on atoms: samples with equal weights, or any discrete distribution.

    Args:
        samples: The atoms, (n, d), or (n,) on the line.
        weights: Their probabilities, (n,). Default None: equal.

    Raises:
        UserError: If the samples are not finite, or the weights are not probabilities.

    >>> Empirical([0.0, 1.0, 5.0]).mean.tolist()
    [2.0]
    """

    def __init__(self, samples: Any, weights: Any = None) -> None:
        self.samples = points("samples", samples)
        count, self.dimension = self.samples.shape
        self.weights = (
            np.full(count, 1 / count) if weights is None else probability_weights("the weights", weights, count)
        )
        order = np.argsort(self.samples[:, 0], kind="stable")
        self._sorted, self._cumulative_weights = (
            self.samples[order, 0],
            np.concatenate([[0.0], np.cumsum(self.weights[order])]),
        )
        self._cumulative_weights[-1] = 1.0

    @property
    def mean(self) -> Array:
        return self.weights @ self.samples

    @property
    def covariance(self) -> Array:
        centred = self.samples - self.mean
        return (self.weights * centred.T) @ centred

    def log_density(self, x: Array) -> Array:
        raise UserError("samples have no density: fit one, or compare them by wasserstein")

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        return self.samples[rng.choice(len(self.samples), size=n, p=self.weights)]

    def pieces(self) -> list[tuple[float, Density]]:
        return [(1.0, self)]

    def edges(self, axis: int) -> Array:
        return np.unique(self.samples[:, axis])

    def cumulative(self, x: Array) -> Array:
        self.require_line("a cumulative probability")
        return np.asarray(self._cumulative_weights[np.searchsorted(self._sorted, x, side="right")])

    def _quantile(self, u: Array) -> Array:
        return np.asarray(
            self._sorted[np.minimum(np.searchsorted(self._cumulative_weights[1:], u), len(self._sorted) - 1)]
        )

    def canonical_form(self) -> tuple[Array, CanonicalForm]:
        return self.samples[0], ("atoms", self.weights, self.samples - self.samples[0])

    def __repr__(self) -> str:
        return f"Empirical({len(self.samples)} atoms in {self.dimension} dimensions)"
