"""Axes: where they start and end, where their ticks stand, and where a value falls."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Axis", "horizontal", "vertical"]


@dataclass(frozen=True)
class Axis:
    """Maps values in [`low`, `high`] to 0..1, evenly or by logarithm; `outside`: the full range if wider."""

    low: float
    high: float
    ticks: list[float]
    logarithmic: bool = False
    outside: tuple[float, float] | None = None

    def at(self, value: float) -> float:
        """The place of `value`, kept within one axis length of the axis so that no coordinate explodes."""
        if self.logarithmic:
            low, high, value = math.log(self.low), math.log(self.high), math.log(max(value, 1e-300))
        else:
            low, high = self.low, self.high
        return min(2.0, max(-1.0, (value - low) / (high - low)))


def horizontal(values: Sequence[float]) -> Axis:
    """From 0 to the largest value."""
    high = max(values, default=1.0) or 1.0
    return Axis(0.0, high, [t for t in _ticks(0.0, high, 5) if t <= high])


def vertical(values: Sequence[float], *, may_be_logarithmic: bool, always: Sequence[float] = ()) -> Axis:
    """Around the values, without the rare peaks that would flatten all the rest, and `always`."""
    everything = sorted([*values, *always]) or [0.0, 1.0]
    cut = len(everything) // 50
    typical = [everything[cut], everything[-1 - cut], *always]
    logarithmic = may_be_logarithmic and min(typical) > 0 and max(typical) > 100 * min(typical)
    low, high = (min(typical), max(typical)) if logarithmic else _bulk(everything, cut)
    low, high = min([low, *always]), max([high, *always])
    outside = (everything[0], everything[-1]) if everything[0] < low or everything[-1] > high else None
    return _decades(low, high, outside) if logarithmic else _even(low, high, outside)


def _even(low: float, high: float, outside: tuple[float, float] | None) -> Axis:
    margin = 0.05 * (high - low) or 0.5 * abs(low) or 1.0
    # a quantity that is never negative gets no axis below zero
    bottom = 0.0 if 0 <= low < margin else low - margin
    top = high + margin
    return Axis(bottom, top, [t for t in _ticks(bottom, top, 5) if bottom <= t <= top], outside=outside)


def _bulk(ordered: Sequence[float], cut: int) -> tuple[float, float]:
    """The range without `cut` values at either end, widened, where the full range is many times that."""
    low, high = ordered[0], ordered[-1]
    inner_low, inner_high = ordered[cut], ordered[-1 - cut]
    width = inner_high - inner_low
    if width <= 0 or high - low <= 6 * width:
        return low, high
    return max(low, inner_low - width / 2), min(high, inner_high + width / 2)


def _ticks(low: float, high: float, about: int) -> list[float]:
    """Round numbers around [low, high], `about` steps of them: 1, 2 or 5 times a power of ten apart."""
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [float(f"{i * step:.12g}") for i in range(first, last + 1)]


def _decades(low: float, high: float, outside: tuple[float, float] | None) -> Axis:
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    stride = max(1, math.ceil((last - first) / 5))
    ticks = [10.0**power for power in range(first, last + 1, stride)]
    return Axis(10.0**first, 10.0**last, ticks, True, outside)
