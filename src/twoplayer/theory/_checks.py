"""What a density may be made of and asked for, checked once: numbers, points, weights, probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from twoplayer.core.errors import UserError

__all__ = ["Array", "alike", "coordinates", "inside", "numbers", "points", "probabilities", "shares", "vector"]

Array = npt.NDArray[np.float64]
SLACK = 1e-6
"""Weights may miss one by this much, which is what single precision leaves; they are then divided by their sum."""
ROUNDING = 1e-12
"""What sums of probabilities may pass 0 or 1 by."""


def numbers(name: str, values: Any) -> Array:
    """Finite numbers of any shape, in float64."""
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise UserError(f"{name} must be numbers, not {values!r}") from None
    if not np.isfinite(array).all():
        raise UserError(f"some values in {name} are not finite; remove or repair them first")
    return array


def vector(name: str, values: Any) -> Array:
    """A point of R^d, of shape (d,); a number is a point of the line."""
    array = np.atleast_1d(numbers(name, values))
    if array.ndim != 1 or not len(array):
        raise UserError(f"{name} must be a number or a vector, not of shape {array.shape}")
    return array


def points(name: str, values: Any) -> Array:
    """Points of shape (n, d); a vector is n points of the line."""
    array = numbers(name, values)
    array = array[:, None] if array.ndim == 1 else array
    if array.ndim != 2 or not array.size:
        raise UserError(f"{name} must be points of shape (n, d) with n and d at least 1, not of shape {array.shape}")
    return array


def coordinates(x: Any, dimension: int) -> Array:
    """Points at which to evaluate a density of `dimension`, shape (n, dimension)."""
    array = np.asarray(x, dtype=np.float64)
    array = array[:, None] if array.ndim == 1 and dimension == 1 else array
    if array.ndim != 2 or array.shape[1] != dimension:
        raise UserError(f"this density lives in {dimension} dimensions; give points of shape (n, {dimension})")
    return array


def shares(name: str, values: Any, count: int) -> Array:
    """`count` weights that are not negative and sum to one."""
    array = numbers(name, values)
    if array.shape != (count,):
        raise UserError(f"{name} must be {count} numbers, one for each, not of shape {array.shape}")
    if (array < 0).any():
        raise UserError(f"{name} must not be negative; the least is {array.min():g}")
    if abs(array.sum() - 1) > SLACK:
        raise UserError(f"{name} must sum to one, not to {array.sum():g}; divide them by their sum")
    return np.asarray(array / array.sum())


def inside(name: str, value: float) -> float:
    """A share strictly between nought and one."""
    if not 0 < value < 1:
        raise UserError(f"{name} must lie strictly between 0 and 1, not at {value:g}")
    return float(value)


def alike(first: str, a: Array, second: str, b: Array) -> int:
    """The number of coordinates that two points have in common."""
    if len(a) != len(b):
        raise UserError(f"{first} and {second} must have the same number of coordinates, not {len(a)} and {len(b)}")
    return len(a)


def probabilities(u: Any) -> Array:
    """Numbers in [0, 1], in float64; rounding beyond the ends is cut off."""
    array = numbers("the probabilities of quantiles", u)
    if array.size and (array.min() < -ROUNDING or array.max() > 1 + ROUNDING):
        raise UserError(
            f"quantiles are asked for at probabilities between 0 and 1, not at {array.min():g} to {array.max():g}"
        )
    return np.clip(array, 0.0, 1.0)
