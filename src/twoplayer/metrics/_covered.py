"""How many classes or modes samples cover, and how far another draw of as many samples would differ."""

from __future__ import annotations

import math

import numpy as np

from twoplayer.metrics._base import Array, Estimate

__all__ = ["covered"]

ORDER = 10


def covered(counts: Array, needed: Array | float = 1.0) -> Estimate:
    """How many of K classes, with `counts` samples ``(K,)`` each, have at least those `needed`, and one."""
    least = np.maximum(1, np.ceil(np.broadcast_to(needed, counts.shape) - 1e-9))
    variance = _unseen(counts) if (least == 1).all() else _near_the_limit(counts, least)
    return Estimate(float(np.count_nonzero(counts >= least)), math.sqrt(variance))


def _unseen(counts: Array) -> float:
    """Variance of the number of classes with any sample.

    In a Poisson process it is the number of classes that as many samples again would add: f₁ - f₂ + f₃ - …, f_k being
    the classes with k samples, a series that is cut off smoothly (Efron and Thisted 1976, section 3). With a fixed
    number N of samples it is f₁²/N less.
    """
    from scipy.stats import binom

    few = np.bincount(counts, minlength=ORDER + 1)[1 : ORDER + 1]
    order = np.arange(1, ORDER + 1)
    added = float((-((-1.0) ** order) * few * binom.sf(order - 1, ORDER, 0.5)).sum())
    return max(0.0, added - float(few[0]) ** 2 / max(1, int(counts.sum())))


def _near_the_limit(counts: Array, least: Array) -> float:
    """Variance of the number of classes with enough samples, each class by itself.

    A class with n of N samples has enough with probability P(Binomial(N, n/N) ≥ least), as a bootstrap would find.
    """
    from scipy.stats import binom

    total = int(counts.sum())
    if total == 0:
        return 0.0
    chance = binom.sf(least - 1, total, counts / total)
    return float((chance * (1 - chance)).sum())
