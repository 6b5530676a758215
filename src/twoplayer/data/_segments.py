"""Two parallel unit segments: a distribution that has no density in the plane."""

from __future__ import annotations

import numpy as np

from twoplayer.data._base import ModelessDensity
from twoplayer.data._types import Array

__all__ = ["Segments"]

POSITION_TOLERANCE = 1e-6


class Segments(ModelessDensity):
    """Half of the mass uniform on {0} x [0, 1], half on {theta} x [0, 1].

    The density is with respect to arc length: 1/2 on either segment (1 where theta is 0 and they are one) and
    0 elsewhere. A point counts as on a segment within 1e-6 of it, relative to theta: float32's rounding.
    """

    def __init__(self, theta: float) -> None:
        self._theta = theta

    def sample(self, count: int, random: np.random.Generator) -> Array:
        across = self._theta * random.integers(2, size=count)
        return np.stack([across, random.random(count)], axis=1).astype(np.float32)

    def log_density(self, points: Array) -> Array:
        across, along = np.asarray(points, dtype=np.float64).reshape(-1, 2).T
        slack = POSITION_TOLERANCE * max(1.0, abs(self._theta))
        on_segments = sum((np.abs(across - x) <= slack).astype(float) for x in (0.0, self._theta))
        inside = (along >= -slack) & (along <= 1 + slack)
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(0.5 * on_segments * inside))
