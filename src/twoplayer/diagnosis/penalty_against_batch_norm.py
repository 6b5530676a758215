"""A gradient penalty and batch normalization in the critic contradict each other.

The penalty acts on the gradient at each sample, but with batch statistics the output for one sample depends on the
whole batch, so that the gradient in the penalty is not the critic's. Measured: the influence of the other samples of a
batch on an output, over that of the output's own sample.

Source: Gulrajani et al. 2017, "Improved Training of Wasserstein GANs", section 4, "No critic batch normalization".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, final

from torch import nn

from twoplayer.diagnosis._base import Advice, FailureCase, Indicator
from twoplayer.diagnosis._failure_mode import FailureMode
from twoplayer.diagnosis._logged_values import GRADIENT_NORMS
from twoplayer.diagnosis._plots import curves, histograms, panels
from twoplayer.diagnosis._probes import batch_crosstalk

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from twoplayer.diagnosis._run_context import RunContext

__all__ = ["PenaltyAgainstBatchNorm"]

CROSSTALK_THRESHOLD, CROSSTALK_CERTAIN = 0.02, 0.1
"""Influence of the other samples of a batch over that of the sample itself."""


@final
class PenaltyAgainstBatchNorm(FailureMode):
    """A gradient penalty on a critic with batch normalization."""

    severity: ClassVar[int] = 2

    def cases(self, context: RunContext) -> Sequence[FailureCase]:
        penalties = [p for p in getattr(context.game, "penalties", ()) if p.fights_batch_statistics]
        batch_norms = [m for m in context.critic.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
        if not penalties or not batch_norms:
            return []
        crosstalk = Indicator(
            "influence of the other samples of a batch over a sample's own",
            batch_crosstalk(context.critic, context.train[: context.config.batch_size]), CROSSTALK_THRESHOLD,
            CROSSTALK_CERTAIN, "0", logarithmic=True,
        )  # fmt: skip
        verdict = "The gradient penalty acts on single samples, and batch normalization mixes the samples of a batch."
        advice = Advice("layer normalization does not mix samples", {"critic.normalization": "layer"})
        return [FailureCase(verdict, (crosstalk,), advice)]

    def picture(self, context: RunContext) -> Figure:
        figure, (left, right) = panels(2)
        norms = context.gradient_norms
        histograms(left, {"between": norms.interpolated, "real": norms.real}, "Norm of the critic's gradient", "norm")
        names = ["gradient_penalty", GRADIENT_NORMS["critic"]]
        curves(right, context.training_log_if_any, names, "Over the run", logarithmic=True)
        return figure
