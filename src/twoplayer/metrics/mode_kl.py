"""Divergence of the samples' modes from the modes' true probabilities, in nats.

Source: Lin, Khetan, Fanti, Oh, 2018, PacGAN: The power of two samples in generative adversarial networks,
section 4.1.
"""

from __future__ import annotations

import math
from typing import ClassVar, Literal, final

from twoplayer.metrics._base import Array, Metric, Modes
from twoplayer.metrics._modes import assign

__all__ = ["ModeKl", "mode_kl"]


def mode_kl(points: Array, modes: Modes) -> float:
    """KL(histogram of the high-quality points' modes ‖ true weights) in nats, at least 0.

    The generated distribution comes first, so modes that were dropped leave it finite. Without any
    high-quality point there is no histogram, and the divergence is infinite.
    """
    from scipy.special import rel_entr

    histogram = assign(points, modes).histogram(len(modes.centres))
    if not histogram.any():
        return math.inf
    return max(0.0, float(rel_entr(histogram / histogram.sum(), modes.weights).sum()))


@final
class ModeKl(Metric[Array, Modes]):
    """`mode_kl` as a metric."""

    figure: ClassVar[str] = "mode_kl"
    higher_is_better: ClassVar[bool] = False
    needs: ClassVar[Literal["density", "classifier"]] = "density"

    def measure(self, samples: Array, reference: Modes) -> float:
        return mode_kl(samples, reference)
