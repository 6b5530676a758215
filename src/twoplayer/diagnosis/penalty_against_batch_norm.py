"""A gradient penalty fights batch normalization in the critic.

The penalty sets the slope sample by sample, but with batch statistics the output for one sample depends on the whole
batch, so that the slope it sees is not the critic's. Measured: how much the other samples of a batch move an output,
over how much its own sample does.

Source: Gulrajani et al. 2017, "Improved Training of Wasserstein GANs", section 4, "No critic batch normalization".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, final

from torch import nn

from twoplayer.diagnosis import _probes as measured
from twoplayer.diagnosis._base import Advice, FailureCase, Indicator
from twoplayer.diagnosis._failure_mode import FailureMode
from twoplayer.diagnosis._plots import curves, histograms, panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from twoplayer.diagnosis._run_context import RunContext

__all__ = ["PenaltyAgainstBatchNorm"]

MIXED, WHOLLY = 0.02, 0.1
"""Influence of the other samples of a batch over that of the sample itself."""


@final
class PenaltyAgainstBatchNorm(FailureMode):
    """Two rules of the critic that contradict each other."""

    severity: ClassVar[int] = 2

    def cases(self, patient: RunContext) -> Sequence[FailureCase]:
        sloped = [p for p in getattr(patient.game, "penalties", ()) if p.fights_batch_statistics]
        mixing = [m for m in patient.critic.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
        if not sloped or not mixing:
            return []
        batch = patient.train[: patient.config.batch]
        mixed = Indicator(
            "influence of others in a batch over a sample's own", measured.crosstalk(patient.critic, batch), MIXED,
            WHOLLY, "0", logarithmic=True,
        )  # fmt: skip
        verdict = "The gradient penalty sets the slope sample by sample, and batch normalization mixes the samples."
        advice = Advice("layer normalization keeps samples apart", {"critic.normalization": "layer"})
        return [FailureCase(verdict, (mixed,), advice)]

    def picture(self, patient: RunContext) -> Figure:
        figure, (left, right) = panels(2)
        slopes = patient.slopes
        histograms(left, {"between": slopes.between, "real": slopes.real}, "The critic's slope", "slope")
        curves(right, patient.course, ["gradient_penalty", "critic_gradient_norm"], "Over the run", logarithmic=True)
        return figure
