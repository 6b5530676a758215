"""Two parallel segments, a distance theta apart.

Source: Arjovsky, Chintala and Bottou, 2017, "Wasserstein GAN", example 1 (the segments (0, U[0, 1]) and
(theta, U[0, 1])).
"""

from __future__ import annotations

from typing import ClassVar

from twoplayer.core.ranges import Count
from twoplayer.data._checks import finite_number, whole_number
from twoplayer.data._segments import Segments
from twoplayer.data._toy import Toy

__all__ = ["Lines"]


class Lines(Toy):
    """Half of the points on (0, U[0, 1]), half on (theta, U[0, 1]). The density is per unit of arc length."""

    name: ClassVar[str] = "lines"

    def __init__(self, *, theta: float = 1.0, count: Count = 100_000) -> None:
        self.theta = finite_number("theta", theta)
        self.count = whole_number("count", count, 1)

    def density(self) -> Segments:
        return Segments(self.theta)
