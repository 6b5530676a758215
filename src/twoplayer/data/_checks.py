"""Checks of option values, each failing with one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real

import numpy as np

from twoplayer.core.errors import UserError
from twoplayer.data._types import Array

__all__ = ["finite_number", "mode_probabilities", "positive_number", "whole_number"]


def whole_number(name: str, value: object, least: int) -> int:
    """`value` if it is a whole number of at least `least`."""
    if not isinstance(value, Integral) or isinstance(value, bool) or int(value) < least:
        raise UserError(f"{name} must be a whole number of at least {least}, not {value!r}")
    return int(value)


def finite_number(name: str, value: object) -> float:
    """`value` if it is a finite number."""
    if not isinstance(value, Real) or isinstance(value, bool) or not np.isfinite(float(value)):
        raise UserError(f"{name} must be a finite number, not {value!r}")
    return float(value)


def positive_number(name: str, value: object) -> float:
    """`value` if it is a finite number above zero."""
    if not isinstance(value, Real) or isinstance(value, bool) or not 0 < float(value) < np.inf:
        raise UserError(f"{name} must be a number above 0, not {value!r}")
    return float(value)


def mode_probabilities(weights: Sequence[float] | None, modes: int) -> Array:
    """Mode probabilities ``(modes,)`` summing to 1; equal ones for None."""
    if weights is None:
        return np.full(modes, 1 / modes)
    try:
        values = np.asarray(weights, dtype=np.float64)
    except (TypeError, ValueError):
        raise UserError(f"weights must be numbers, not {weights!r}") from None
    if values.shape != (modes,):
        raise UserError(f"weights must be one number for each of the {modes} modes, not {values.size}")
    if not np.isfinite(values).all() or (values < 0).any() or values.sum() <= 0:
        raise UserError("weights must be finite, none negative and at least one above 0")
    return np.asarray(values / values.sum())
