"""Logged numbers as arrays over steps."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

__all__ = ["Array", "TimeSeries"]

Array = np.ndarray[Any, Any]


class TimeSeries:
    """One array per logged name over the steps in `steps`; NaN where a line lacks the number or it was not finite.

    Args:
        lines: records of a log, each with its ``step``. Of lines with the same step, which a resumed run writes, the
            last one counts; lines without a step are ignored.

    >>> series = TimeSeries([{"step": 1, "loss": 0.7}, {"step": 2}])
    >>> series["loss"]
    array([0.7, nan])
    """

    def __init__(self, lines: Sequence[Mapping[str, Any]]) -> None:
        by_step = {int(line["step"]): line for line in lines if _is_number(line.get("step"))}
        self.lines = [by_step[step] for step in sorted(by_step)]
        self.steps = np.array(sorted(by_step), np.int64)

    def __len__(self) -> int:
        return len(self.lines)

    def __contains__(self, name: str) -> bool:
        return any(_is_number(line.get(name)) for line in self.lines)

    def __getitem__(self, name: str) -> Array:
        """float64 ``(steps,)``."""
        values = (line.get(name) for line in self.lines)
        return np.array([float(v) if _is_number(v) else math.nan for v in values], np.float64)  # type: ignore[arg-type]

    def late(self, name: str, share: float = 1 / 3) -> Array:
        """The finite values in the last `share` of the lines, at least three lines."""
        values = self[name][-max(3, round(share * len(self))) :]
        return np.asarray(values[np.isfinite(values)])


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
