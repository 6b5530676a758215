"""Gaussians on a circle.

Source: Lin, Khetan, Fanti and Oh, 2018, "PacGAN: The power of two samples in generative adversarial
networks", section 4.1 (2D-ring: 8 modes, radius 1, standard deviation 0.01).
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from twoplayer.core.ranges import Count, NonNegative, Positive
from twoplayer.data._checks import mode_probabilities, positive_number, whole_number
from twoplayer.data._mixture import GaussianMixture
from twoplayer.data._toy import Toy

__all__ = ["Ring"]


class Ring(Toy):
    """Round Gaussians at equal angles on a circle about the origin; the first mode lies at angle 0.

    Args:
        modes: number of Gaussians.
        radius: radius of the circle.
        deviation: standard deviation of each Gaussian, the same in both directions.
        weights: relative probabilities, one per mode; None makes all modes equally likely.
        count: number of training points; 10,000 more are held out.

    Raises:
        UserError: an option out of range.

    >>> Ring(modes=4).density().modes.round(6).tolist()
    [[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [-0.0, -1.0]]
    """

    name: ClassVar[str] = "ring"

    def __init__(
        self,
        *,
        modes: Count = 8,
        radius: Positive = 1.0,
        deviation: Positive = 0.01,
        weights: list[NonNegative] | None = None,
        count: Count = 100_000,
    ) -> None:
        self.modes = whole_number("modes", modes, 1)
        self.radius = positive_number("radius", radius)
        self.deviation = positive_number("deviation", deviation)
        self.weights = tuple(mode_probabilities(weights, self.modes).tolist())
        self.count = whole_number("count", count, 1)

    def density(self) -> GaussianMixture:
        # arange, not linspace(0, 2 pi): the latter doubles the first mode.
        angles = 2 * np.pi * np.arange(self.modes) / self.modes
        centres = self.radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        return GaussianMixture(centres, self.deviation, np.asarray(self.weights))
