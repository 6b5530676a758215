"""Number of classes or modes that samples cover, with its standard error over draws of as many samples."""

from __future__ import annotations

import math

import numpy as np

from twoplayer.metrics._base import Array, Estimate

__all__ = ["covered"]

SERIES_ORDER = 10
"""Terms of the Efron-Thisted series."""


def covered(counts: Array, required: Array | float = 1.0) -> Estimate:
    """How many of K classes with `counts` samples, ``(K,)``, have at least one and at least `required` samples."""
    minimum = np.maximum(1, np.ceil(np.broadcast_to(required, counts.shape) - 1e-9))
    variance = _unseen_classes_variance(counts) if (minimum == 1).all() else _threshold_variance(counts, minimum)
    return Estimate(float(np.count_nonzero(counts >= minimum)), math.sqrt(variance))


def _unseen_classes_variance(counts: Array) -> float:
    """Variance of the number of classes with at least one sample.

    For Poisson counts it is the expected number of further classes in a second draw: f₁ - f₂ + f₃ - …, with f_k the
    number of classes with k samples; the series is truncated smoothly (Efron and Thisted 1976, section 3). For a fixed
    number N of samples it is smaller by f₁²/N.
    """
    from scipy.stats import binom

    frequencies = np.bincount(counts, minlength=SERIES_ORDER + 1)[1 : SERIES_ORDER + 1]
    order = np.arange(1, SERIES_ORDER + 1)
    added = float((-((-1.0) ** order) * frequencies * binom.sf(order - 1, SERIES_ORDER, 0.5)).sum())
    return max(0.0, added - float(frequencies[0]) ** 2 / max(1, int(counts.sum())))


def _threshold_variance(counts: Array, minimum: Array) -> float:
    """Variance of the number of classes with enough samples, as if classes were independent.

    A class with n of N samples has enough with probability P(Binomial(N, n/N) ≥ minimum), as in a bootstrap.
    """
    from scipy.stats import binom

    total = int(counts.sum())
    if total == 0:
        return 0.0
    probability = binom.sf(minimum - 1, total, counts / total)
    return float((probability * (1 - probability)).sum())
