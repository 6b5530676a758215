"""Predicted log-probabilities: a table that can be trusted, summed piece by piece."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from operator import add
from typing import Any

import numpy as np

from twoplayer.core.errors import UserError
from twoplayer.metrics._base import Array
from twoplayer.metrics._nearest import strips
from twoplayer.metrics._sums import LabelSums

__all__ = ["of_each", "summed", "table"]

CHUNK = 8192
"""Samples whose probabilities are held at a time."""
ROUNDING = 1e-3
"""How far above 0 the logarithm of a probability may come out in float32."""


def table(log_probabilities: Any) -> Array:
    """Log-probabilities as float64 ``(N, K)``, -∞ where a probability is 0. Raises `UserError` for anything else."""
    logs = np.asarray(log_probabilities, np.float64)
    if logs.ndim != 2 or not logs.size:
        raise UserError(f"log-probabilities must be a table of one row per sample, not an array of shape {logs.shape}")
    broken = int(np.isnan(logs).any(1).sum())
    if broken:
        raise UserError(f"{broken} of {len(logs)} samples have probabilities that are NaN: look for NaN in the samples")
    if logs.max() > ROUNDING:
        raise UserError("log-probabilities are at most 0: take log_softmax of logits, the logarithm of probabilities")
    return logs


def summed(logs: Array) -> LabelSums:
    """The sums that scores need of log-probabilities ``(N, K)``."""
    return reduce(add, (LabelSums.of(logs[some]) for some in strips(len(logs), CHUNK)))


def of_each(logs: Array, of: Callable[[Array], Array]) -> Array:
    """What `of` makes of the probabilities ``(B, K)`` of some samples, ``(B,)``, for all samples ``(N,)``."""
    return np.concatenate([of(np.exp(logs[some])) for some in strips(len(logs), CHUNK)])
