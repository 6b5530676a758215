"""Step: the first value, and at the end of the span the last."""

from __future__ import annotations

from typing import final

from twoplayer.schedules._base import ScheduleShape

__all__ = ["StepShape"]


@final
class StepShape(ScheduleShape):
    """A jump at the end of the span.

    >>> StepShape()(0.99), StepShape()(1.0)
    (0.0, 1.0)
    """

    def __call__(self, progress: float) -> float:
        return float(progress >= 1)
