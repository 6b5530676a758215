"""The critic is overfitted: it scores training data above held-out data.

Measured: how often a training sample scores above a held-out one, and how far the mean score of held-out data has moved
from that of the training data towards that of generated samples.

Source: Karras et al. 2020, "Training Generative Adversarial Networks with Limited Data", section 2, whose r_v is this
distance; Brock et al. 2019, "Large Scale GAN Training", section 4.2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, final

from twoplayer.diagnosis._advice import add_regularizers
from twoplayer.diagnosis._base import Advice, FailureCase, Indicator, Unavailable
from twoplayer.diagnosis._failure_mode import FailureMode
from twoplayer.diagnosis._logged_values import SCORES
from twoplayer.diagnosis._plots import curves, histograms, panels
from twoplayer.diagnosis._signals import roc_auc

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from twoplayer.diagnosis._run_context import RunContext

__all__ = ["OverfitCritic"]

AUC_THRESHOLD, AUC_CERTAIN = 0.6, 0.8
"""Chance that a training sample scores above a held-out one."""
ERRORS_THRESHOLD, ERRORS_CERTAIN = 4.0, 8.0
"""The same, in standard errors above one half."""
SHIFT_THRESHOLD, SHIFT_CERTAIN = 0.15, 0.5
"""Distance of the mean score of held-out data from that of training data, over that of generated samples from it."""
MIN_HELD_OUT = 16
"""Held-out samples below which the comparison is not made."""


@final
class OverfitCritic(FailureMode):
    """A critic that separates its training data from other real data."""

    severity: ClassVar[int] = 2

    def cases(self, context: RunContext) -> Sequence[FailureCase]:
        train, held_out, fake = context.critic_outputs
        if len(held_out) < MIN_HELD_OUT:
            raise Unavailable(f"fewer than {MIN_HELD_OUT} samples were held out of training")
        auc = roc_auc(train, held_out)
        # Variance of the Mann-Whitney statistic for equal distributions without ties.
        error = math.sqrt((len(train) + len(held_out) + 1) / (12 * len(train) * len(held_out)))
        gap = float(train.mean() - fake.mean())
        shift = float(train.mean() - held_out.mean()) / gap if gap > 0 else 0.0
        indicators = (
            Indicator("chance that training scores above held-out", auc, AUC_THRESHOLD, AUC_CERTAIN, "0.45 to 0.57"),
            Indicator(
                "the same in standard errors above one half", (auc - 0.5) / error, ERRORS_THRESHOLD, ERRORS_CERTAIN,
                "-2 to 3",
            ),
            Indicator(
                "shift of held-out scores towards generated ones", shift, SHIFT_THRESHOLD, SHIFT_CERTAIN, "-0.1 to 0.1"
            ),
        )  # fmt: skip
        verdict = (
            f"The critic scores training data above held-out data ({auc:.0%} of the time), whose mean score is shifted "
            f"by {shift:.0%} of the distance to generated samples: it is fitted to its training data."
        )
        return [FailureCase(verdict, indicators, _advice(context))]

    def picture(self, context: RunContext) -> Figure:
        figure, (left, right) = panels(2)
        train, held_out, fake = context.critic_outputs
        histograms(left, {"training data": train, "held out": held_out, "generated": fake}, "Critic outputs", "D(x)")
        curves(right, context.training_log_if_any, SCORES, "Over the run, on training data")
        return figure


def _advice(context: RunContext) -> Advice:
    count, regularizers = len(context.dataset.train), context.config.regularizers
    if not regularizers:
        reason = f"{count:,} training samples are few, and nothing regularizes the critic"
        return add_regularizers(context.config, "r1", reason=reason)
    if "instance-noise" not in regularizers:
        reason = f"{count:,} training samples are few, and noise on the critic's inputs augments them"
        return add_regularizers(context.config, "instance-noise", reason=reason)
    images = max(1, int((context.status.get("images_seen") or 0) // 4))
    reason = f"{count:,} training samples are too few for a run of this length"
    return Advice(reason, {"images": str(images)}, removed_flags=("steps", "max-time", "budget"))
