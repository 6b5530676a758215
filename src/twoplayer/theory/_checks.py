"""Validation of the arguments of densities: numbers, points, weights, probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from twoplayer.core.errors import UserError

__all__ = [
    "Array",
    "coordinates",
    "equal_length",
    "finite_array",
    "open_unit_interval",
    "points",
    "probabilities",
    "probability_weights",
    "vector",
]

Array = npt.NDArray[np.float64]
WEIGHT_SUM_TOLERANCE = 1e-6
"""Largest difference between a sum of weights and 1, as single precision leaves it; weights are then normalized."""
PROBABILITY_TOLERANCE = 1e-12
"""Largest excess of a probability below 0 or above 1 that counts as rounding."""


def finite_array(name: str, values: Any) -> Array:
    """Finite numbers of any shape, in float64."""
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise UserError(f"{name} must be numbers, not {values!r}") from None
    if not np.isfinite(array).all():
        raise UserError(f"values of {name} are not finite: remove infinite and missing ones first")
    return array


def vector(name: str, values: Any) -> Array:
    """A point of R^d, (d,); a number is a point of the line."""
    array = np.atleast_1d(finite_array(name, values))
    if array.ndim != 1 or not len(array):
        raise UserError(f"{name} must be a number or a vector, not of shape {array.shape}")
    return array


def points(name: str, values: Any) -> Array:
    """Points, (n, d); a vector is n points of the line."""
    array = finite_array(name, values)
    array = array[:, None] if array.ndim == 1 else array
    if array.ndim != 2 or not array.size:
        raise UserError(f"{name} must be points of shape (n, d) with n and d at least 1, not of shape {array.shape}")
    return array


def coordinates(x: Any, dimension: int) -> Array:
    """Points at which to evaluate a density of `dimension` coordinates, (n, dimension)."""
    array = np.asarray(x, dtype=np.float64)
    array = array[:, None] if array.ndim == 1 and dimension == 1 else array
    if array.ndim != 2 or array.shape[1] != dimension:
        raise UserError(f"this density has {dimension} dimensions: expected points of shape (n, {dimension})")
    return array


def probability_weights(name: str, values: Any, count: int) -> Array:
    """`count` non-negative weights that sum to one."""
    array = finite_array(name, values)
    if array.shape != (count,):
        raise UserError(f"{name} must be {count} numbers, one for each, not of shape {array.shape}")
    if (array < 0).any():
        raise UserError(f"{name} must not be negative; the smallest is {array.min():g}")
    if abs(array.sum() - 1) > WEIGHT_SUM_TOLERANCE:
        raise UserError(f"{name} must sum to one, not to {array.sum():g}; divide them by their sum")
    return np.asarray(array / array.sum())


def open_unit_interval(name: str, value: float) -> float:
    """A number strictly between 0 and 1."""
    if not 0 < value < 1:
        raise UserError(f"{name} must lie strictly between 0 and 1, not at {value:g}")
    return float(value)


def equal_length(first: str, a: Array, second: str, b: Array) -> int:
    """The number of coordinates of two points, which must have equally many."""
    if len(a) != len(b):
        raise UserError(f"{first} and {second} must have the same number of coordinates, not {len(a)} and {len(b)}")
    return len(a)


def probabilities(u: Any) -> Array:
    """Numbers in [0, 1], in float64; excess that is rounding is clipped."""
    array = finite_array("the probabilities of quantiles", u)
    if array.size and (array.min() < -PROBABILITY_TOLERANCE or array.max() > 1 + PROBABILITY_TOLERANCE):
        raise UserError(
            f"probabilities of quantiles must lie between 0 and 1, not from {array.min():g} to {array.max():g}"
        )
    return np.clip(array, 0.0, 1.0)
