"""Linear: at a constant rate from the first value to the last."""

from __future__ import annotations

from typing import final

from twoplayer.schedules._base import ScheduleShape

__all__ = ["LinearShape"]


@final
class LinearShape(ScheduleShape):
    """A straight line.

    >>> LinearShape()(0.25)
    0.25
    """

    def __call__(self, progress: float) -> float:
        return progress
