"""What numbers over rounds, and scores of samples, say of a game: pure functions of arrays."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from twoplayer.diagnosis._time_series import Array

__all__ = ["Oscillations", "fall", "growth", "separation", "swings"]

FEW = 12
"""With fewer values nothing is said of a course."""


def separation(high: Array, low: Array) -> float:
    """The chance that one of `high` exceeds one of `low`, ties counting half: the area under the ROC curve."""
    if not len(high) or not len(low):
        return math.nan
    low = np.sort(low)
    below, not_above = np.searchsorted(low, high, "left"), np.searchsorted(low, high, "right")
    return float((below + not_above).mean() / (2 * len(low)))


def growth(values: Array) -> float:
    """How many times its usual size a positive quantity has at the end: NaN for fewer than 12 finite values.

    Usual is the median over the second to sixth tenth of the course, which leaves the start out and what may have
    gone wrong at the end too; the end is the median of the last twentieth, three values at least.
    """
    values = values[np.isfinite(values)]
    count = len(values)
    if count < FEW:
        return math.nan
    usual = float(np.median(values[count // 10 : 6 * count // 10]))
    end = float(np.median(values[-max(3, count // 20) :]))
    return end / usual if usual > 0 else math.inf if end > 0 else math.nan


def fall(values: Array) -> float:
    """The end's share of what a positive quantity once was: the last tenth's median over the best tenth's."""
    values = values[np.isfinite(values)]
    width = len(values) // 10
    if len(values) < FEW or not width:
        return math.nan
    medians = [float(np.median(values[i : i + width])) for i in range(0, len(values) - width + 1, width)]
    best = max(medians)
    return medians[-1] / best if best > 0 else math.nan


@dataclass(frozen=True)
class Oscillations:
    """How the place of a distribution moves."""

    reach: float
    """Root mean square distance from its mean place, less what sampling alone would show, over the data's width."""
    count: int
    """Times it went from one side to the other and stayed clear of the middle."""
    drift: float
    """How far the first half's mean place is from the second half's, over the data's width."""


def swings(places: Array, noise: float, width: float) -> Oscillations | None:
    """How places ``(rounds, K)`` move: NaN-free rows, measured with the root mean square error `noise`.

    Swings are counted along the principal axis, between half a standard deviation on either side. None for fewer than
    12 rounds or without a width to compare with.
    """
    if len(places) < FEW or not width > 0:
        return None
    apart = places - places.mean(0)
    square = float((apart**2).sum(1).mean())
    half = len(places) // 2
    drift = float(np.linalg.norm(places[:half].mean(0) - places[half:].mean(0)))
    reach = math.sqrt(max(0.0, square - noise**2))
    return Oscillations(reach / width, _sides(apart @ _axis(apart)), drift / width)


def _axis(apart: Array) -> Array:
    return np.asarray(np.linalg.svd(apart, full_matrices=False)[2][0])


def _sides(along: Array) -> int:
    clear = np.sign(along) * (np.abs(along) > 0.5 * along.std())
    visited = clear[clear != 0]
    return int((np.diff(visited) != 0).sum())
