"""Statistics of logged time series and of critic outputs: pure functions of arrays."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from twoplayer.diagnosis._time_series import Array

__all__ = ["Oscillations", "final_growth", "final_share", "oscillations", "roc_auc"]

MIN_VALUES = 12
"""Length below which nothing is computed of a time series."""


def roc_auc(positive: Array, negative: Array) -> float:
    """The area under the ROC curve: the chance that a positive value exceeds a negative one, ties counting half.

    Args:
        positive: scores ``(N,)``.
        negative: scores ``(M,)``.

    >>> roc_auc(np.array([2.0, 3.0]), np.array([1.0, 2.0]))
    0.875
    """
    if not len(positive) or not len(negative):
        return math.nan
    negative = np.sort(negative)
    below = np.searchsorted(negative, positive, "left")
    not_above = np.searchsorted(negative, positive, "right")
    return float((below + not_above).mean() / (2 * len(negative)))


def final_growth(values: Array) -> float:
    """The value of a positive quantity at the end of a time series over its usual value.

    The usual value is the median over the second to sixth tenth of the series, which excludes the start and whatever
    goes wrong at the end; the final one is the median of the last twentieth, of three values at least.

    Args:
        values: ``(N,)``; values that are not finite are left out.

    Returns:
        The quotient; NaN for fewer than 12 finite values.
    """
    values = values[np.isfinite(values)]
    count = len(values)
    if count < MIN_VALUES:
        return math.nan
    usual = float(np.median(values[count // 10 : 6 * count // 10]))
    end = float(np.median(values[-max(3, count // 20) :]))
    return end / usual if usual > 0 else math.inf if end > 0 else math.nan


def final_share(values: Array) -> float:
    """The median of the last tenth of a positive time series over the largest median of any tenth.

    Args:
        values: ``(N,)``; values that are not finite are left out.

    Returns:
        A share in [0, 1]; NaN for fewer than 12 finite values.
    """
    values = values[np.isfinite(values)]
    width = len(values) // 10
    if len(values) < MIN_VALUES or not width:
        return math.nan
    medians = [float(np.median(values[i : i + width])) for i in range(0, len(values) - width + 1, width)]
    largest = max(medians)
    return medians[-1] / largest if largest > 0 else math.nan


@dataclass(frozen=True)
class Oscillations:
    """How the mean of a distribution moves, in units of the data's width."""

    amplitude: float
    """Root mean square distance from its time average, less what sampling error alone would give."""
    crossings: int
    """Changes from one side of the principal axis to the other, outside half a standard deviation."""
    drift: float
    """Distance between the average of the first half and that of the second half."""


def oscillations(means: Array, noise: float, width: float) -> Oscillations | None:
    """How the means of a distribution move over time.

    Args:
        means: ``(steps, K)`` without NaN.
        noise: root mean square sampling error of one of them.
        width: root mean square distance of the data from their mean.

    Returns:
        None for fewer than 12 steps or a width of 0.
    """
    if len(means) < MIN_VALUES or not width > 0:
        return None
    centred = means - means.mean(0)
    square = float((centred**2).sum(1).mean())
    half = len(means) // 2
    drift = float(np.linalg.norm(means[:half].mean(0) - means[half:].mean(0)))
    amplitude = math.sqrt(max(0.0, square - noise**2))
    along = centred @ np.linalg.svd(centred, full_matrices=False)[2][0]
    sides = np.sign(along) * (np.abs(along) > 0.5 * along.std())
    crossings = int((np.diff(sides[sides != 0]) != 0).sum())
    return Oscillations(amplitude / width, crossings, drift / width)
