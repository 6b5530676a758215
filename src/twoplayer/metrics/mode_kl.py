"""Divergence of the distribution of samples over modes from the true probabilities of the modes, in nats.

Source: Lin, Khetan, Fanti, Oh, 2018, PacGAN: The power of two samples in generative adversarial networks,
section 4.1.
"""

from __future__ import annotations

import math
from typing import ClassVar, final

from twoplayer.metrics._base import Array, Estimate, Metric, Modes, Need
from twoplayer.metrics._histogram import divergence
from twoplayer.metrics._modes import PROTOCOL_SAMPLES, assign

__all__ = ["ModeKl", "mode_kl"]


def mode_kl(points: Array, modes: Modes) -> Estimate:
    """KL(histogram of the high-quality points' modes ‖ true weights) in nats, at least 0.

    The generated distribution is the first argument, so the divergence is finite where modes are missing. It is
    infinite without any high-quality point.
    """
    histogram = assign(points, modes).histogram(len(modes.centres))
    if not histogram.any():
        return Estimate(math.inf)
    return divergence(histogram, modes.weights)


@final
class ModeKl(Metric[Array, Modes]):
    """`mode_kl` as a metric."""

    name: ClassVar[str] = "mode_kl"
    higher_is_better: ClassVar[bool | None] = False
    needs: ClassVar[Need] = "density"
    protocol_samples: ClassVar[int] = PROTOCOL_SAMPLES

    def measure(self, samples: Array, reference: Modes) -> Estimate:
        return mode_kl(samples, reference)
