"""Predicted log-probabilities: checked, and summed chunk by chunk."""

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

__all__ = ["checked_logs", "of_each", "summed"]

CHUNK = 8192
"""Samples whose probabilities are in memory at a time."""
ROUNDING = 1e-3
"""Largest rounding error of the logarithm of a probability in float32."""


def checked_logs(log_probabilities: Any) -> Array:
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
    """`LabelSums` of log-probabilities ``(N, K)``."""
    return reduce(add, (LabelSums.of(logs[chunk]) for chunk in strips(len(logs), CHUNK)))


def of_each(logs: Array, function: Callable[[Array], Array]) -> Array:
    """`function` of the probabilities, ``(B, K)`` to ``(B,)``, applied to all samples chunk by chunk, ``(N,)``."""
    return np.concatenate([function(np.exp(logs[chunk])) for chunk in strips(len(logs), CHUNK)])
