"""The nearest mode of each sample, for the metrics on toy densities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from twoplayer.metrics._base import Array, Modes

__all__ = ["PROTOCOL_SAMPLES", "Assignment", "assign"]

PROTOCOL_SAMPLES = 2_500
"""Sample count of the published tables."""


@dataclass(frozen=True, eq=False)
class Assignment:
    """Each sample's nearest mode, and whether the sample is of high quality."""

    nearest: Array
    """int64 ``(N,)``."""
    high_quality: Array
    """bool ``(N,)``: within 3 standard deviations of the nearest mode."""

    def histogram(self, modes: int) -> Array:
        """High-quality samples at each mode, int64 ``(M,)``."""
        return np.bincount(self.nearest[self.high_quality], minlength=modes)


def assign(points: Array, modes: Modes) -> Assignment:
    """Assign points ``(N, D)`` to modes. A point that is not finite is of low quality, not an error."""
    offsets = np.asarray(points, np.float64)[:, None] - modes.centres
    distances = np.sqrt((np.where(np.isfinite(offsets), offsets, np.inf) ** 2).sum(-1))
    nearest = distances.argmin(1)
    return Assignment(nearest, distances[np.arange(len(points)), nearest] <= 3 * modes.deviation)
