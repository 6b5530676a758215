"""Gaussian noise around curves in the plane, with its exact density by quadrature."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from twoplayer.data._base import ModelessDensity
from twoplayer.data._mixture import log_mean_exp
from twoplayer.data._types import Array

__all__ = ["Curves"]

Path = Callable[[Array], Array]


class Curves(ModelessDensity):
    """A point on one of the equally likely `paths`, at v in [0, 1] of density power v^(power-1), plus noise.

    The density is the integral over v of power v^(power-1) N(x; path(v), deviation^2 I). It is computed by
    Gauss-Legendre quadrature, eight nodes to a panel no longer than `deviation` on the longest path, which
    leaves a relative error near 1e-12 within ten deviations of a path.

    `length` bounds the speed |d path / dv| from above.
    """

    def __init__(self, paths: Sequence[Path], deviation: float, *, length: float, power: int = 1) -> None:
        self._paths, self._deviation, self._power = tuple(paths), deviation, power
        self._panels = int(np.ceil(length / deviation))

    def sample(self, count: int, random: np.random.Generator) -> Array:
        positions = random.random(count) ** (1 / self._power)
        choices = random.integers(len(self._paths), size=count)
        points = self._deviation * random.standard_normal((count, 2))
        for choice, path in enumerate(self._paths):
            chosen = choices == choice
            points[chosen] += path(positions[chosen])
        return points.astype(np.float32)

    def log_density(self, points: Array) -> Array:
        nodes, weights = self._quadrature()
        centres = np.concatenate([path(nodes) for path in self._paths])
        return log_mean_exp(points, centres, np.tile(weights, len(self._paths)), self._deviation)

    def _quadrature(self) -> tuple[Array, Array]:
        nodes, weights = np.polynomial.legendre.leggauss(8)
        starts = np.arange(self._panels)[:, None]
        positions = ((starts + (nodes + 1) / 2) / self._panels).ravel()
        lengths = np.tile(weights / 2 / self._panels, self._panels)
        return positions, lengths * self._power * positions ** (self._power - 1) / len(self._paths)
