"""A mixture of round Gaussians."""

from __future__ import annotations

import numpy as np

from twoplayer.data._base import ToyDensity
from twoplayer.data._types import Array

__all__ = ["GaussianMixture", "log_mean_exp"]


class GaussianMixture(ToyDensity):
    """sum_m w_m N(c_m, deviation^2 I): `centres` ``(M, D)``, `weights` ``(M,)`` summing to 1."""

    def __init__(self, centres: Array, deviation: float, weights: Array) -> None:
        self._centres, self._deviation, self._weights = centres, deviation, weights

    @property
    def dimension(self) -> int:
        return int(self._centres.shape[1])

    def sample(self, count: int, random: np.random.Generator) -> Array:
        modes = random.choice(len(self._centres), size=count, p=self._weights)
        noise = random.standard_normal((count, self.dimension))
        return (self._centres[modes] + self._deviation * noise).astype(np.float32)

    def log_density(self, points: Array) -> Array:
        return log_mean_exp(points, self._centres, self._weights, self._deviation)

    @property
    def modes(self) -> Array:
        return self._centres

    @property
    def mode_deviation(self) -> float:
        return self._deviation

    @property
    def mode_weights(self) -> Array:
        return self._weights


def log_mean_exp(points: Array, centres: Array, weights: Array, deviation: float) -> Array:
    """log sum_m w_m N(x; c_m, deviation^2 I) at `points` ``(N, D)``: float64 ``(N,)``, stable far away."""
    present = weights > 0
    centres, log_weights = centres[present], np.log(weights[present])
    dimension = centres.shape[1]
    constant = -0.5 * dimension * np.log(2 * np.pi * deviation**2)
    points = np.asarray(points, dtype=np.float64).reshape(-1, dimension)
    result = np.empty(len(points))
    chunk = max(1, 2**21 // len(centres))
    for start in range(0, len(points), chunk):
        part = points[start : start + chunk]
        distances = sum((part[:, None, d] - centres[None, :, d]) ** 2 for d in range(dimension))
        terms = log_weights - distances / (2 * deviation**2)
        top = terms.max(axis=1)
        result[start : start + chunk] = constant + top + np.log(np.exp(terms - top[:, None]).sum(axis=1))
    return result
