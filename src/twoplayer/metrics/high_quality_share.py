"""Share of samples within 3 standard deviations of the nearest mode.

Source: Lin, Khetan, Fanti, Oh, 2018, PacGAN: The power of two samples in generative adversarial networks,
section 4.1.
"""

from __future__ import annotations

from typing import ClassVar, final

from twoplayer.metrics._base import Array, Estimate, Metric, Modes, Need
from twoplayer.metrics._jackknife import mean
from twoplayer.metrics._modes import PROTOCOL_SAMPLES, assign

__all__ = ["HighQualityShare", "high_quality_share"]


def high_quality_share(points: Array, modes: Modes) -> Estimate:
    """The share of points ``(N, D)`` within 3 standard deviations of the nearest mode, in [0, 1].

    Real points do not reach 1: in two dimensions a normal point lies within 3 standard deviations with probability
    1 - exp(-9/2), about 0.989.
    """
    return mean(assign(points, modes).high_quality)


@final
class HighQualityShare(Metric[Array, Modes]):
    """`high_quality_share` as a metric."""

    name: ClassVar[str] = "high_quality_share"
    higher_is_better: ClassVar[bool | None] = True
    needs: ClassVar[Need] = "density"
    protocol_samples: ClassVar[int] = PROTOCOL_SAMPLES

    def measure(self, samples: Array, reference: Modes) -> Estimate:
        return high_quality_share(samples, reference)
