"""Modes of 1,000, three digits in as many channels, with at least one sample.

Source: Metz, Poole, Pfau, Sohl-Dickstein, 2017, Unrolled generative adversarial networks, section 3.3.1; with 26,000
samples: Srivastava, Valkov, Russell, Gutmann, Sutton, 2017, VEEGAN, section 4.
"""

from __future__ import annotations

from typing import ClassVar, final

from twoplayer.metrics._base import Array, Estimate, Metric, Need
from twoplayer.metrics._covered import covered
from twoplayer.metrics._stacked import PROTOCOL, histogram

__all__ = ["StackedModes", "stacked_modes"]


def stacked_modes(modes: Array) -> Estimate:
    """How many of the 1,000 modes appear among predicted ones ``(N,)``, whole numbers 100a + 10b + c.

    One sample is enough, as in the published tables, so what the classifier misreads covers modes too.
    """
    return covered(histogram(modes))


@final
class StackedModes(Metric[Array, Array]):
    """`stacked_modes` as a metric; the reference plays no part in it."""

    figure: ClassVar[str] = "stacked_modes"
    higher_is_better: ClassVar[bool | None] = True
    needs: ClassVar[Need] = "stacked"
    protocol: ClassVar[int] = PROTOCOL
    alone: ClassVar[bool] = True

    def measure(self, samples: Array, reference: Array) -> Estimate:
        return stacked_modes(samples)
