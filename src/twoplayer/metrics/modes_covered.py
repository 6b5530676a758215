"""Number of modes with at least one sample within 3 standard deviations.

Source: Lin, Khetan, Fanti, Oh, 2018, PacGAN: The power of two samples in generative adversarial networks,
section 4.1.
"""

from __future__ import annotations

from typing import ClassVar, Literal, final

import numpy as np

from twoplayer.metrics._base import Array, Metric, Modes
from twoplayer.metrics._modes import assign

__all__ = ["ModesCovered", "modes_covered"]


def modes_covered(points: Array, modes: Modes) -> int:
    """How many of the M modes are the nearest one of a high-quality sample among points ``(N, D)``."""
    return int(np.count_nonzero(assign(points, modes).histogram(len(modes.centres))))


@final
class ModesCovered(Metric[Array, Modes]):
    """`modes_covered` as a metric."""

    figure: ClassVar[str] = "modes_covered"
    higher_is_better: ClassVar[bool] = True
    needs: ClassVar[Literal["density", "classifier"]] = "density"

    def measure(self, samples: Array, reference: Modes) -> float:
        return float(modes_covered(samples, reference))
