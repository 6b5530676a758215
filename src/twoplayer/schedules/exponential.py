"""Exponential: fast at first, then slower and slower."""

from __future__ import annotations

from typing import final

from twoplayer.schedules._base import ScheduleShape

__all__ = ["ExponentialShape"]

RATE = 5.0
"""Time constants in a span; what is then left, e⁻⁵, is taken up evenly."""


@final
class ExponentialShape(ScheduleShape):
    """(1 − e^(−5p))/(1 − e^(−5)) at progress p.

    >>> ExponentialShape()(0.0), ExponentialShape()(1.0)
    (0.0, 1.0)
    """

    def __call__(self, progress: float) -> float:
        from math import expm1

        return expm1(-RATE * progress) / expm1(-RATE)
