"""Cosine: slowly at both ends, along half a cosine wave.

Source: Loshchilov & Hutter 2017, "SGDR: Stochastic Gradient Descent with Warm Restarts", eq. 5.
"""

from __future__ import annotations

import math
from typing import final

from twoplayer.schedules._base import ScheduleShape

__all__ = ["CosineShape"]


@final
class CosineShape(ScheduleShape):
    """(1 − cos πp)/2 at progress p.

    >>> CosineShape()(0.0), round(CosineShape()(0.5), 12), CosineShape()(1.0)
    (0.0, 0.5, 1.0)
    """

    def __call__(self, progress: float) -> float:
        return (1 - math.cos(math.pi * progress)) / 2
