"""Gaussians on a square grid.

Source: Lin, Khetan, Fanti and Oh, 2018, "PacGAN: The power of two samples in generative adversarial
networks", section 4.1 (2D-grid: 25 modes at {-4, -2, 0, 2, 4}^2, standard deviation 0.05).
"""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from twoplayer.core.errors import UserError
from twoplayer.core.ranges import Count, NonNegative, Positive
from twoplayer.data._checks import mode_probabilities, positive_number, whole_number
from twoplayer.data._mixture import GaussianMixture
from twoplayer.data._toy import Toy

__all__ = ["GaussianGrid"]


class GaussianGrid(Toy):
    """Round Gaussians on a square grid that is centred on the origin.

    Args:
        modes: number of Gaussians, a square number.
        spacing: distance of neighbouring modes.
        deviation: standard deviation of each Gaussian, the same in both directions.
        weights: relative probabilities, row by row from the lower left (the second coordinate runs fastest); None
            makes all modes equally likely.
        count: number of training points; 10,000 more are held out.

    Raises:
        UserError: an option out of range, and a number of modes that is not a square.

    >>> GaussianGrid(modes=4).density().modes.tolist()
    [[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]]
    """

    name: ClassVar[str] = "grid"

    def __init__(
        self,
        *,
        modes: Count = 25,
        spacing: Positive = 2.0,
        deviation: Positive = 0.05,
        weights: list[NonNegative] | None = None,
        count: Count = 100_000,
    ) -> None:
        self.modes = whole_number("modes", modes, 1)
        side = math.isqrt(self.modes)
        if side**2 != self.modes:
            raise UserError(f"modes of a grid must be a square number such as {side**2}, not {modes}")
        self.spacing = positive_number("spacing", spacing)
        self.deviation = positive_number("deviation", deviation)
        self.weights = tuple(mode_probabilities(weights, self.modes).tolist())
        self.count = whole_number("count", count, 1)

    def density(self) -> GaussianMixture:
        side = math.isqrt(self.modes)
        ticks = self.spacing * (np.arange(side) - (side - 1) / 2)
        centres = np.stack(np.meshgrid(ticks, ticks, indexing="ij"), axis=-1).reshape(-1, 2)
        return GaussianMixture(centres, self.deviation, np.asarray(self.weights))
