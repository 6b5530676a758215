"""Histogram and probabilities of the 1,000 modes of stacked digits."""

from __future__ import annotations

import numpy as np

from twoplayer.metrics._base import Array

__all__ = ["MODES", "PROTOCOL_SAMPLES", "histogram", "mode_probabilities"]

MODES = 1_000
PROTOCOL_SAMPLES = 26_000
"""Sample count of Srivastava et al. 2017."""


def histogram(modes: Array) -> Array:
    """Number of samples in each mode, int64 ``(1000,)``, from modes 100a + 10b + c, whole numbers ``(N,)``."""
    return np.bincount(np.asarray(modes, np.int64), minlength=MODES)


def mode_probabilities(modes: Array) -> Array:
    """Probability of each mode, ``(1000,)``, for independent digits, from the modes ``(N,)`` of stacked digits.

    The histogram of the modes themselves would add (M - 1) / 2N, for M modes, to every divergence from it.
    """
    modes = np.asarray(modes, np.int64)
    digits = np.bincount(np.concatenate([modes // 100, modes // 10 % 10, modes % 10]), minlength=10)
    share = digits / digits.sum()
    return np.asarray(np.einsum("a,b,c->abc", share, share, share).ravel())
