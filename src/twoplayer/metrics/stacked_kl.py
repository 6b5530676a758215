"""Divergence of the distribution of samples over the 1,000 modes of stacked digits from that of the data, in nats.

Source: Metz, Poole, Pfau, Sohl-Dickstein, 2017, Unrolled generative adversarial networks, section 3.3.1; with 26,000
samples: Srivastava, Valkov, Russell, Gutmann, Sutton, 2017, VEEGAN, section 4.
"""

from __future__ import annotations

from typing import ClassVar, final

from twoplayer.metrics._base import Array, Estimate, Metric, Need
from twoplayer.metrics._histogram import divergence
from twoplayer.metrics._stacked import PROTOCOL_SAMPLES, histogram

__all__ = ["StackedKl", "stacked_kl"]


def stacked_kl(modes: Array, weights: Array) -> Estimate:
    """KL(histogram of the predicted modes ‖ `weights`) in nats, at least 0.

    Modes are ``(N,)``, whole numbers 100a + 10b + c; `weights`, ``(1000,)``, are their probabilities in the data. The
    expected value for N samples of the data is (M - 1) / 2N, with M modes: 0.019 for 26,000.
    """
    return divergence(histogram(modes), weights)


@final
class StackedKl(Metric[Array, Array]):
    """`stacked_kl` as a metric; the reference is the probabilities of the modes."""

    name: ClassVar[str] = "stacked_kl"
    higher_is_better: ClassVar[bool | None] = False
    needs: ClassVar[Need] = "stacked"
    protocol_samples: ClassVar[int] = PROTOCOL_SAMPLES

    def measure(self, samples: Array, reference: Array) -> Estimate:
        return stacked_kl(samples, reference)
