"""What is wrong with data before any game is played: their range, channels that never vary, copies among them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from twoplayer.diagnosis._time_series import Array

__all__ = ["ValueRange", "constant_channels", "copies", "span"]

SOME = 1_000_000
"""Values from which quantiles are taken."""


class ValueRange(NamedTuple):
    """Where the values of data lie, as networks see them."""

    low: float
    high: float
    lower: float
    """What all but one in 200 values exceed."""
    middle: float
    """The length of the range that 99 of 100 values keep to."""
    widest: float
    """Points: the largest standard deviation of a coordinate; images: the same of all values."""
    narrowest: float
    """Points: the smallest standard deviation of a coordinate that varies; images: as `widest`."""


def span(seen: Array) -> ValueRange:
    """The range of samples as networks see them, images ``(N, C, H, W)`` or points ``(N, D)``."""
    low, high = float(seen.min()), float(seen.max())
    some = seen.reshape(-1)[:: max(1, seen.size // SOME)]
    lower, upper = (float(q) for q in np.quantile(some, [0.005, 0.995]))
    deviations = seen.std(0) if seen.ndim == 2 else np.array([seen.std()])
    varying = deviations[deviations > 0]
    narrowest = float(varying.min()) if len(varying) else 0.0
    return ValueRange(low, high, lower, upper - lower, float(deviations.max()), narrowest)


def constant_channels(stored: Array) -> list[int]:
    """Channels of images ``(N, H, W, C)``, or coordinates of points ``(N, D)``, that have one value throughout."""
    rows = stored.reshape(-1, stored.shape[-1])
    return [int(i) for i in np.flatnonzero((rows == rows[0]).all(0))]


def copies(stored: Array, others: Array | None = None) -> float:
    """The share of samples that repeat an earlier one exactly, or, with `others`, that are among those; 0 of none."""
    if not len(stored):
        return 0.0
    keys = [hash(row.tobytes()) for row in stored]
    if others is not None:
        known = {hash(row.tobytes()) for row in others}
        return sum(key in known for key in keys) / len(keys)
    return 1 - len(set(keys)) / len(keys)
