"""The divergence of a histogram from the probabilities that it should have, with its standard error."""

from __future__ import annotations

import math

import numpy as np

from twoplayer.metrics._base import Array, Estimate

__all__ = ["divergence"]


def divergence(counts: Array, weights: Array) -> Estimate:
    """KL(counts / N ‖ `weights`) in nats, at least 0, of `counts` ``(K,)``, not all 0.

    The error is Var ln(p/w) / N where p differs from w, and (K - 1) / 2N² besides, K being the classes that occur, all
    that there is where it does not; the variance of the histogram's own logarithms counts the latter twice. None where
    the divergence is infinite.
    """
    from scipy.special import rel_entr

    total = int(counts.sum())
    share = counts / total
    value = float(rel_entr(share, weights).sum())
    if not math.isfinite(value):
        return Estimate(value)
    seen = counts > 0
    spread = float((share[seen] * np.log(share[seen] / weights[seen]) ** 2).sum()) - value**2
    noise = (int(seen.sum()) - 1) / total
    return Estimate(max(0.0, value), math.sqrt((max(0.0, spread - noise) + noise / 2) / total))
