"""Medians of the latest lines of a logged number: the current one, the usual one before, and the largest of all."""

from __future__ import annotations

import math
from collections import deque
from typing import final

import numpy as np

__all__ = ["RollingMedian"]

MAX_MEDIANS = 400
"""Medians that are stored, beside the largest of all."""


@final
class RollingMedian:
    """The median of the last `window` values after each value, from the first full window on.

    Args:
        window: number of values per median.
    """

    def __init__(self, window: int) -> None:
        self.latest: deque[float] = deque(maxlen=window)
        self.medians: deque[float] = deque(maxlen=MAX_MEDIANS)
        self.peak = -math.inf
        """The largest median of all."""

    def append(self, value: float) -> None:
        """Add the next line's value; a NaN makes every median whose window contains it NaN."""
        self.latest.append(value)
        if len(self.latest) == self.latest.maxlen:
            self.medians.append(math.nan if any(map(math.isnan, self.latest)) else float(np.median(self.latest)))
            self.peak = max(self.peak, self.medians[-1])  # max returns its first argument if the second one is NaN

    @property
    def current(self) -> float:
        """The median of the current window; NaN before the first full window."""
        return self.medians[-1] if self.medians else math.nan

    @property
    def current_max(self) -> float:
        """The largest value of the current window; NaN before the first full window."""
        return max(self.latest) if not math.isnan(self.current) else math.nan

    @property
    def halfway(self) -> float:
        """The median in the middle of the stored ones."""
        return self.medians[len(self.medians) // 2] if self.medians else math.nan

    @property
    def usual(self) -> float:
        """The median of the stored medians before the current window, without their first tenth.

        NaN for fewer of them than a window has values.
        """
        window = self.latest.maxlen or 0
        before = [m for m in list(self.medians)[len(self.medians) // 10 : -window] if not math.isnan(m)]
        return float(np.median(before)) if len(before) >= window else math.nan
