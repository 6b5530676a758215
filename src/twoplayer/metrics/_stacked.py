"""The modes of stacked digits, counted: what the metrics on them share."""

from __future__ import annotations

import numpy as np

from twoplayer.metrics._base import Array

__all__ = ["MODES", "PROTOCOL", "histogram", "weights"]

MODES = 1_000
PROTOCOL = 26_000
"""Samples of Srivastava et al. 2017."""


def histogram(modes: Array) -> Array:
    """Samples in each mode, int64 ``(1000,)``, of their modes 100a + 10b + c, whole numbers ``(N,)``."""
    return np.bincount(np.asarray(modes, np.int64), minlength=MODES)


def weights(modes: Array) -> Array:
    """Probability of each mode, ``(1000,)``, where digits meet by chance, from the modes ``(N,)`` of stacked digits.

    Their own histogram would add its noise to every divergence from it, (M - 1) / 2N for M modes.
    """
    modes = np.asarray(modes, np.int64)
    digits = np.bincount(np.concatenate([modes // 100, modes // 10 % 10, modes % 10]), minlength=10)
    share = digits / digits.sum()
    return np.asarray(np.einsum("a,b,c->abc", share, share, share).ravel())
