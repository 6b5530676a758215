"""Interleaved Archimedean spirals in the unit disc."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

import numpy as np

from twoplayer.core.ranges import Count, Positive
from twoplayer.data._checks import positive_number, whole_number
from twoplayer.data._curve import Curves
from twoplayer.data._toy import Toy
from twoplayer.data._types import Array

__all__ = ["Spiral"]


class Spiral(Toy):
    """Spirals from the origin to radius 1, with Gaussian noise.

    The position v along an arm, which is radius and share of the angle at once, is the square root of a uniform
    variable, so that points are spread nearly uniformly along the arm.

    Args:
        turns: turns of each arm.
        arms: number of arms, at equal angles.
        deviation: standard deviation of the noise, the same in both directions.
        count: number of training points; 10,000 more are held out.

    Raises:
        UserError: an option out of range.

    >>> Spiral(arms=2).density().sample(5, np.random.default_rng(0)).shape
    (5, 2)
    """

    name: ClassVar[str] = "spiral"

    def __init__(
        self, *, turns: Positive = 1.5, arms: Count = 2, deviation: Positive = 0.02, count: Count = 100_000
    ) -> None:
        self.turns = positive_number("turns", turns)
        self.arms = whole_number("arms", arms, 1)
        self.deviation = positive_number("deviation", deviation)
        self.count = whole_number("count", count, 1)

    def density(self) -> Curves:
        paths = [partial(_arm, turns=self.turns, start=2 * np.pi * k / self.arms) for k in range(self.arms)]
        return Curves(paths, self.deviation, length=float(np.hypot(1, 2 * np.pi * self.turns)), power=2)


def _arm(position: Array, turns: float, start: float) -> Array:
    angle = start + 2 * np.pi * turns * position
    return np.stack([position * np.cos(angle), position * np.sin(angle)], axis=1)
