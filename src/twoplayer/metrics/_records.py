"""The records that metrics exchange."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Array", "Estimate", "Moments"]

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Estimate:
    """The value of a metric with its standard error."""

    value: float
    error: float | None = None
    """Standard error of `value` over draws of as many samples; None where it is exact or cannot be estimated."""


@dataclass(frozen=True, eq=False)
class Moments:
    """Mean and covariance of N feature vectors of F dimensions."""

    mean: Array
    """float64 ``(F,)``."""
    covariance: Array
    """float64 ``(F, F)``, unbiased."""
    root: Array | None = None
    """R with RᵀR the covariance, ``(N, F)``, where N < F: the exact root of a singular covariance."""
