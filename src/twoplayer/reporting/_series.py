"""Long noisy series reduced to the median and the range of equal parts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

__all__ = ["Series", "thin"]


@dataclass(frozen=True)
class Series:
    """Points of a curve: `middle` with a band `low` to `high` at each `x`; NaN in all three is a gap."""

    x: list[float]
    middle: list[float]
    low: list[float]
    high: list[float]

    @property
    def finite(self) -> list[float]:
        """Every drawable value, band included."""
        return [v for v in (*self.low, *self.middle, *self.high) if math.isfinite(v)]


def thin(x: Sequence[float], y: Sequence[float | None], *, parts: int = 240) -> Series:
    """Reduce a series to at most `parts` points.

    Args:
        x: positions, ascending.
        y: values; None and values that are not finite are left out.
        parts: number of equal parts; each gives the position of its last value, its median and its range.

    Returns:
        The series; a part without a finite value is a gap.
    """
    n = len(x)
    parts = min(n, parts)
    edges = [i * n // parts for i in range(parts + 1)] if parts else [0]
    series = Series([], [], [], [])
    for start, stop in pairwise(edges):
        values = [v for v in y[start:stop] if v is not None and math.isfinite(v)] or [math.nan]
        series.x.append(x[stop - 1])
        series.middle.append(median(values))
        series.low.append(min(values))
        series.high.append(max(values))
    return series
