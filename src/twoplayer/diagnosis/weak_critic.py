"""The critic is too weak: it does not separate samples from data although a small classifier does.

A small classifier is trained for a second on samples and training data, and tested on held-out data and other samples.
If it separates them and the critic of the run does not, the generator's loss does not measure the difference.

Source: Arora et al. 2017, "Generalization and Equilibrium in Generative Adversarial Nets (GANs)", section 3: a critic
of small capacity cannot tell a distribution from one that is far from it; Lopez-Paz & Oquab 2017, "Revisiting
Classifier Two-Sample Tests", for the classifier.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, final

from twoplayer.diagnosis._advice import strengthen_critic
from twoplayer.diagnosis._base import FailureCase, Indicator
from twoplayer.diagnosis._failure_mode import FailureMode
from twoplayer.diagnosis._logged_values import SCORES
from twoplayer.diagnosis._plots import curves, histograms, panels, samples
from twoplayer.diagnosis._signals import roc_auc

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from twoplayer.diagnosis._run_context import RunContext

__all__ = ["WeakCritic"]

AUC_THRESHOLD, AUC_CERTAIN = 0.65, 0.5
"""Chance that a real sample scores above a generated one, by the run's own critic."""
GAP_THRESHOLD, GAP_CERTAIN = 0.2, 0.4
"""The same chance for a small classifier, less that of the critic."""


@final
class WeakCritic(FailureMode):
    """A critic that is worse than a classifier trained for a second."""

    severity: ClassVar[int] = 2

    def cases(self, context: RunContext) -> Sequence[FailureCase]:
        outputs = context.critic_outputs
        real = outputs.held_out if len(outputs.held_out) else outputs.train
        critic_auc = roc_auc(real, outputs.fake)
        auc = Indicator(
            "chance that real scores above generated", critic_auc, AUC_THRESHOLD, AUC_CERTAIN, "0.5 to 0.95"
        )
        gap = Indicator(
            "the same chance for a small classifier, less the critic's", context.classifier_auc - critic_auc,
            GAP_THRESHOLD, GAP_CERTAIN, "below 0.15",
        )  # fmt: skip
        verdict = (
            "The critic does not separate samples from data, although they differ: its gradient does not lead the "
            "generator to the data."
        )
        return [FailureCase(verdict, (auc, gap), strengthen_critic(context.config))]

    def picture(self, context: RunContext) -> Figure:
        figure, (left, middle, right) = panels(3, width=12)
        outputs = context.critic_outputs
        real = outputs.held_out if len(outputs.held_out) else outputs.train
        histograms(left, {"real": real, "generated": outputs.fake}, "Critic outputs", "D(x)")
        samples(middle, context.samples, "Samples", real=context.stored_train)
        curves(right, context.training_log_if_any, SCORES, "Over the run")
        return figure
