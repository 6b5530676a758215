"""A number of the log as it comes, line by line: what it is now, what was usual before, and the most it ever was."""

from __future__ import annotations

import math
from collections import deque
from typing import final

import numpy as np

__all__ = ["RollingMedian"]

KEPT = 400
"""Medians that are looked back upon, beside the largest of all."""


@final
class RollingMedian:
    """The latest lines, and the median of as many at every line since there were so many."""

    def __init__(self, window: int) -> None:
        self.latest: deque[float] = deque(maxlen=window)
        self.medians: deque[float] = deque(maxlen=KEPT)
        self.peak = -math.inf
        """The largest median of all."""

    def hear(self, value: float) -> None:
        """Take in the next line's value; a NaN makes the medians that it is part of NaN."""
        self.latest.append(value)
        if len(self.latest) == self.latest.maxlen:
            self.medians.append(math.nan if any(map(math.isnan, self.latest)) else float(np.median(self.latest)))
            self.peak = max(self.peak, self.medians[-1])  # a NaN that comes second is not the larger

    @property
    def now(self) -> float:
        """The latest lines' median; NaN before there are enough."""
        return self.medians[-1] if self.medians else math.nan

    @property
    def most(self) -> float:
        """The largest of the latest lines; NaN before there are enough."""
        return max(self.latest) if not math.isnan(self.now) else math.nan

    @property
    def halfway(self) -> float:
        """What `now` was half the way back."""
        return self.medians[len(self.medians) // 2] if self.medians else math.nan

    @property
    def usual(self) -> float:
        """The median of what came before the latest lines, without its first tenth; NaN where that is too little."""
        window = self.latest.maxlen or 0
        before = [m for m in list(self.medians)[len(self.medians) // 10 : -window] if not math.isnan(m)]
        return float(np.median(before)) if len(before) >= window else math.nan
