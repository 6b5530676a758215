"""Two interleaving half circles.

Source: Pedregosa et al., 2011, "Scikit-learn: Machine learning in Python" (the geometry of `make_moons`).
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from twoplayer.core.ranges import Count, Positive
from twoplayer.data._checks import positive_number, whole_number
from twoplayer.data._curve import Curves
from twoplayer.data._toy import Toy
from twoplayer.data._types import Array

__all__ = ["Moons"]


class Moons(Toy):
    """Two half circles of radius 1 with Gaussian noise: the upper one about (0, 0), the lower one about (1, 0.5).

    Args:
        deviation: standard deviation of the noise, the same in both directions.
        count: number of training points; 10,000 more are held out.

    Raises:
        UserError: an option out of range.

    >>> Moons(deviation=0.1).density().log_density(np.array([[0.0, 1.0]])).round(2)
    array([-0.45])
    """

    name: ClassVar[str] = "moons"

    def __init__(self, *, deviation: Positive = 0.05, count: Count = 100_000) -> None:
        self.deviation = positive_number("deviation", deviation)
        self.count = whole_number("count", count, 1)

    def density(self) -> Curves:
        return Curves([_upper, _lower], self.deviation, length=np.pi)


def _upper(position: Array) -> Array:
    return np.stack([np.cos(np.pi * position), np.sin(np.pi * position)], axis=1)


def _lower(position: Array) -> Array:
    return np.stack([1 - np.cos(np.pi * position), 0.5 - np.sin(np.pi * position)], axis=1)
