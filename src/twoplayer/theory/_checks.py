"""What a density may be made of, checked once: numbers, points, weights, and one dimension for both sides."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from twoplayer.errors import UserError

__all__ = ["Array", "coordinates", "inside", "points", "same_dimension", "shares", "vector"]

Array = npt.NDArray[np.float64]
SLACK = 1e-6
"""Weights may miss one by this much, which is what single precision leaves; they are then divided by their sum."""


def numbers(name: str, values: Any) -> Array:
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise UserError(f"{name} must be numbers, not {values!r}") from None
    if not np.isfinite(array).all():
        raise UserError(f"{name} has values that are not finite; remove or repair them first")
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


def same_dimension(*dimensions: int) -> int:
    """The one dimension of all of them."""
    if len(set(dimensions)) != 1:
        found = " and ".join(str(d) for d in dimensions)
        raise UserError(f"densities must live in the same space, and these have {found} dimensions")
    return dimensions[0]
