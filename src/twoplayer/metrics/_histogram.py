"""The Kullback-Leibler divergence of a histogram from given probabilities, with its standard error."""

from __future__ import annotations

import math

import numpy as np

from twoplayer.metrics._base import Array, Estimate

__all__ = ["divergence"]


def divergence(counts: Array, weights: Array) -> Estimate:
    """KL(counts / N ‖ `weights`) in nats, at least 0, of `counts` ``(K,)``, not all 0.

    The variance is Var ln(p/w) / N, the term that vanishes where p = w, plus (K - 1) / 2N², with K the number of
    classes that occur. The empirical variance of the logarithms contains the second term twice. The error is None where
    the divergence is infinite.
    """
    from scipy.special import rel_entr

    total = int(counts.sum())
    share = counts / total
    value = float(rel_entr(share, weights).sum())
    if not math.isfinite(value):
        return Estimate(value)
    occurs = counts > 0
    spread = float((share[occurs] * np.log(share[occurs] / weights[occurs]) ** 2).sum()) - value**2
    noise = (int(occurs.sum()) - 1) / total
    return Estimate(max(0.0, value), math.sqrt((max(0.0, spread - noise) + noise / 2) / total))
