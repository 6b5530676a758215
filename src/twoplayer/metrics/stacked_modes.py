"""Number of the 1,000 modes of stacked digits, one digit per channel, with at least one sample.

Source: Metz, Poole, Pfau, Sohl-Dickstein, 2017, Unrolled generative adversarial networks, section 3.3.1; with 26,000
samples: Srivastava, Valkov, Russell, Gutmann, Sutton, 2017, VEEGAN, section 4.
"""

from __future__ import annotations

from typing import ClassVar, final

from twoplayer.metrics._base import Array, Estimate, Metric, Need
from twoplayer.metrics._covered import covered
from twoplayer.metrics._stacked import PROTOCOL_SAMPLES, histogram

__all__ = ["StackedModes", "stacked_modes"]


def stacked_modes(modes: Array) -> Estimate:
    """Number of distinct modes among predicted ones ``(N,)``, whole numbers 100a + 10b + c.

    One sample is enough, as in the published tables, so that errors of the classifier count as covered modes too.
    """
    return covered(histogram(modes))


@final
class StackedModes(Metric[Array, Array]):
    """`stacked_modes` as a metric; the reference is not used."""

    name: ClassVar[str] = "stacked_modes"
    higher_is_better: ClassVar[bool | None] = True
    needs: ClassVar[Need] = "stacked"
    protocol_samples: ClassVar[int] = PROTOCOL_SAMPLES
    ignores_reference: ClassVar[bool] = True

    def measure(self, samples: Array, reference: Array) -> Estimate:
        return stacked_modes(samples)
