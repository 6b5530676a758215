"""Atoms: samples, or a discrete distribution."""

from __future__ import annotations

from typing import Any

import numpy as np

from twoplayer.core.errors import UserError
from twoplayer.theory._base import Density, Shape
from twoplayer.theory._checks import Array, points, shares

__all__ = ["Empirical"]


class Empirical(Density):
    """Probability `weights` (n,), equal by default, on the points `samples` (n, d); (n,) is n points of the line.

    With values for samples and probabilities for weights it is any discrete distribution.
    """

    def __init__(self, samples: Any, weights: Any = None) -> None:
        self.samples = points("samples", samples)
        count, self.dimension = self.samples.shape
        self.weights = np.full(count, 1 / count) if weights is None else shares("the weights", weights, count)
        order = np.argsort(self.samples[:, 0], kind="stable")
        self._sorted, self._sums = self.samples[order, 0], np.concatenate([[0.0], np.cumsum(self.weights[order])])
        self._sums[-1] = 1.0

    @property
    def mean(self) -> Array:
        return self.weights @ self.samples

    @property
    def covariance(self) -> Array:
        centred = self.samples - self.mean
        return (self.weights * centred.T) @ centred

    def log_density(self, x: Array) -> Array:
        raise UserError("samples have no density; fit one, or compare them with another density by wasserstein")

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        return self.samples[rng.choice(len(self.samples), size=n, p=self.weights)]

    def pieces(self) -> list[tuple[float, Density]]:
        return [(1.0, self)]

    def edges(self, axis: int) -> Array:
        return np.unique(self.samples[:, axis])

    def cumulative(self, x: Array) -> Array:
        self.on_the_line("a cumulative probability")
        return np.asarray(self._sums[np.searchsorted(self._sorted, x, side="right")])

    def _quantile(self, u: Array) -> Array:
        return np.asarray(self._sorted[np.minimum(np.searchsorted(self._sums[1:], u), len(self._sorted) - 1)])

    def shape(self) -> tuple[Array, Shape]:
        return self.samples[0], ("atoms", self.weights, self.samples - self.samples[0])

    def __repr__(self) -> str:
        return f"Empirical({len(self.samples)} atoms in {self.dimension} dimensions)"
