"""Number of modes with at least one sample within 3 standard deviations.

Source: Lin, Khetan, Fanti, Oh, 2018, PacGAN: The power of two samples in generative adversarial networks,
section 4.1.
"""

from __future__ import annotations

from typing import ClassVar, final

import numpy as np

from twoplayer.metrics._base import Array, Estimate, Metric, Modes, Need
from twoplayer.metrics._covered import covered
from twoplayer.metrics._modes import PROTOCOL_SAMPLES, assign

__all__ = ["ModesCovered", "modes_covered"]


def modes_covered(points: Array, modes: Modes) -> Estimate:
    """How many of the M modes are the nearest mode of a high-quality sample among points ``(N, D)``."""
    histogram = assign(points, modes).histogram(len(modes.centres))
    # Samples of low quality form a last class that counts as covered for no number of samples.
    return covered(np.append(histogram, len(points) - histogram.sum()), np.append(np.ones(len(histogram)), np.inf))


@final
class ModesCovered(Metric[Array, Modes]):
    """`modes_covered` as a metric."""

    name: ClassVar[str] = "modes_covered"
    higher_is_better: ClassVar[bool | None] = True
    needs: ClassVar[Need] = "density"
    protocol_samples: ClassVar[int] = PROTOCOL_SAMPLES

    def measure(self, samples: Array, reference: Modes) -> Estimate:
        return modes_covered(samples, reference)
