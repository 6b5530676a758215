"""Axes of a chart: range, ticks, and the position of a value."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Axis", "horizontal", "vertical"]


@dataclass(frozen=True)
class Axis:
    """Maps values in [`low`, `high`] to [0, 1], linearly or by logarithm."""

    low: float
    high: float
    ticks: list[float]
    logarithmic: bool = False
    full_range: tuple[float, float] | None = None
    """Of the values, where some lie beyond the axis."""

    def at(self, value: float) -> float:
        """The position of a value, limited to [-1, 2] so that coordinates stay small."""
        if self.logarithmic:
            low, high, value = math.log(self.low), math.log(self.high), math.log(max(value, 1e-300))
        else:
            low, high = self.low, self.high
        return min(2.0, max(-1.0, (value - low) / (high - low)))


def horizontal(values: Sequence[float]) -> Axis:
    """An axis from 0 to the largest value."""
    high = max(values, default=1.0) or 1.0
    return Axis(0.0, high, [t for t in _ticks(0.0, high, 5) if t <= high])


def vertical(values: Sequence[float], *, may_be_logarithmic: bool, always: Sequence[float] = ()) -> Axis:
    """An axis that contains almost all values.

    Args:
        values: finite values; rare peaks that would flatten the rest are cut off.
        may_be_logarithmic: whether positive values over more than two powers of ten get a logarithmic axis.
        always: values that the axis contains in any case.
    """
    everything = sorted([*values, *always]) or [0.0, 1.0]
    cut = len(everything) // 50
    typical = [everything[cut], everything[-1 - cut], *always]
    logarithmic = may_be_logarithmic and min(typical) > 0 and max(typical) > 100 * min(typical)
    low, high = (min(typical), max(typical)) if logarithmic else _bulk(everything, cut)
    low, high = min([low, *always]), max([high, *always])
    full_range = (everything[0], everything[-1]) if everything[0] < low or everything[-1] > high else None
    return _decades(low, high, full_range) if logarithmic else _even(low, high, full_range)


def _even(low: float, high: float, full_range: tuple[float, float] | None) -> Axis:
    margin = 0.05 * (high - low) or 0.5 * abs(low) or 1.0
    # no axis below zero for a quantity that is never negative
    bottom = 0.0 if 0 <= low < margin else low - margin
    top = high + margin
    return Axis(bottom, top, [t for t in _ticks(bottom, top, 5) if bottom <= t <= top], full_range=full_range)


def _bulk(ordered: Sequence[float], cut: int) -> tuple[float, float]:
    """The range of ordered values; without `cut` values at either end, and widened, if the full range is far wider."""
    low, high = ordered[0], ordered[-1]
    inner_low, inner_high = ordered[cut], ordered[-1 - cut]
    width = inner_high - inner_low
    if width <= 0 or high - low <= 6 * width:
        return low, high
    return max(low, inner_low - width / 2), min(high, inner_high + width / 2)


def _ticks(low: float, high: float, count: int) -> list[float]:
    """About `count` ticks around [low, high], at multiples of 1, 2 or 5 times a power of ten."""
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [float(f"{i * step:.12g}") for i in range(first, last + 1)]


def _decades(low: float, high: float, full_range: tuple[float, float] | None) -> Axis:
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    stride = max(1, math.ceil((last - first) / 5))
    ticks = [10.0**power for power in range(first, last + 1, stride)]
    return Axis(10.0**first, 10.0**last, ticks, True, full_range)
