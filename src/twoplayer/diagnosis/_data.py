"""Properties of a data set that make training fail: value range, constant channels, duplicates."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from twoplayer.diagnosis._time_series import Array

__all__ = ["ValueRange", "constant_channels", "duplicate_share", "value_range"]

MAX_QUANTILE_VALUES = 1_000_000
"""Values from which quantiles are computed."""


class ValueRange(NamedTuple):
    """The range of the values of data, as the networks receive them."""

    low: float
    high: float
    low_quantile: float
    """The 0.5 % quantile."""
    central_width: float
    """The distance between the 0.5 % and the 99.5 % quantile."""
    largest_deviation: float
    """Points: the largest standard deviation of a coordinate; images: the standard deviation of all values."""
    smallest_deviation: float
    """Points: the smallest positive standard deviation of a coordinate; images: as `largest_deviation`."""


def value_range(samples: Array) -> ValueRange:
    """The range of samples as the networks receive them, images ``(N, C, H, W)`` or points ``(N, D)``."""
    subset = samples.reshape(-1)[:: max(1, samples.size // MAX_QUANTILE_VALUES)]
    lower, upper = (float(q) for q in np.quantile(subset, [0.005, 0.995]))
    deviations = samples.std(0) if samples.ndim == 2 else np.array([samples.std()])
    positive = deviations[deviations > 0]
    smallest = float(positive.min()) if len(positive) else 0.0
    return ValueRange(
        float(samples.min()), float(samples.max()), lower, upper - lower, float(deviations.max()), smallest
    )


def constant_channels(stored: Array) -> list[int]:
    """Indices of the channels of images ``(N, H, W, C)``, or coordinates of points ``(N, D)``, with a single value."""
    rows = stored.reshape(-1, stored.shape[-1])
    return [int(i) for i in np.flatnonzero((rows == rows[0]).all(0))]


def duplicate_share(stored: Array, reference: Array | None = None) -> float:
    """The share of samples that are exact duplicates; 0 of none.

    Args:
        stored: samples ``(N, ...)``.
        reference: samples to compare with. Without them, a sample counts that repeats an earlier one.
    """
    if not len(stored):
        return 0.0
    hashes = [hash(row.tobytes()) for row in stored]
    if reference is not None:
        known = {hash(row.tobytes()) for row in reference}
        return sum(h in known for h in hashes) / len(hashes)
    return 1 - len(set(hashes)) / len(hashes)
