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
    """Half of the points uniform on {0} x [0, 1], half on {theta} x [0, 1]. The density is per unit of arc length.

    Args:
        theta: distance of the two segments; 0 makes them one.
        count: number of training points; 10,000 more are held out.

    Raises:
        UserError: an option out of range.

    >>> import numpy as np
    >>> Lines(theta=2).density().sample(1000, np.random.default_rng(0))[:, 0].max()
    np.float32(2.0)
    """

    name: ClassVar[str] = "lines"

    def __init__(self, *, theta: float = 1.0, count: Count = 100_000) -> None:
        self.theta = finite_number("theta", theta)
        self.count = whole_number("count", count, 1)

    def density(self) -> Segments:
        return Segments(self.theta)
