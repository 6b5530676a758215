"""The critic is too strong, or the generator's gradient vanishes.

Against a critic that separates samples from data perfectly, the saturating loss is flat, and other losses have noisy
gradients (Arjovsky and Bottou). Measured: the change of the generator's loss if its samples moved by the data's width;
how well the critic separates held-out data from samples; its loss over that of a critic with constant output; and
whether a small classifier separates them as well, since a critic that is only just ahead does no harm.

Source: Arjovsky & Bottou 2017, "Towards Principled Methods for Training Generative Adversarial Networks", theorems 2.4
to 2.6; Goodfellow et al. 2014, "Generative Adversarial Networks", section 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, final

import numpy as np
import torch

from twoplayer.diagnosis._advice import add_regularizers, critic_steps
from twoplayer.diagnosis._base import Advice, FailureCase, Indicator
from twoplayer.diagnosis._diversity import MIN_STEPS
from twoplayer.diagnosis._failure_mode import FailureMode
from twoplayer.diagnosis._logged_values import CRITIC_LOSS, GENERATOR_GRADIENT
from twoplayer.diagnosis._plots import curves, histograms, panels
from twoplayer.diagnosis._signals import roc_auc

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from twoplayer.config.schema import Config
    from twoplayer.diagnosis._run_context import RunContext
    from twoplayer.objectives._base import Objective
from twoplayer.schedules._base import initial

__all__ = ["StrongCritic"]

VANISHED_SHARE = 1e-3
"""Share of its usual size below which the generator's gradient makes the monitor warn."""
SENSITIVITY_THRESHOLD, SENSITIVITY_CERTAIN = 3e-3, 3e-5
"""Change of the generator's loss if its samples moved by the data's width."""
AUC_THRESHOLD, AUC_CERTAIN = 0.95, 0.999
"""Chance that a real sample scores above a generated one."""
LOSS_THRESHOLD, LOSS_CERTAIN = 0.05, 0.005
"""The critic's loss over that of a critic with constant output."""
CLASSIFIER_AUC_THRESHOLD, CLASSIFIER_AUC_CERTAIN = 0.95, 1.0
"""The same chance for a small classifier, which detects coarse differences only."""


@final
class StrongCritic(FailureMode):
    """A critic from which the generator cannot learn because it is too good."""

    severity: ClassVar[int] = 2

    def cases(self, context: RunContext) -> Sequence[FailureCase]:
        outputs = context.critic_outputs
        real = outputs.held_out if len(outputs.held_out) else outputs.train
        auc = Indicator(
            "chance that real scores above generated", roc_auc(real, outputs.fake), AUC_THRESHOLD, AUC_CERTAIN,
            "0.5 to 0.95",
        )  # fmt: skip
        sensitivity = Indicator(
            "change of the generator's loss if samples moved by the data's width", context.loss_sensitivity,
            SENSITIVITY_THRESHOLD, SENSITIVITY_CERTAIN, "0.03 to 50", logarithmic=True,
        )  # fmt: skip
        advice = _advice(context.config)
        verdict = (
            "The generator's gradient has vanished: its loss hardly changes with its samples, and the critic separates "
            "them from the data."
        )
        cases = [FailureCase(verdict, (sensitivity, auc), advice)]
        constant_loss = constant_critic_loss(context.objective)
        if constant_loss > 0:
            classifier = Indicator(
                "the same chance for a small classifier", context.classifier_auc, CLASSIFIER_AUC_THRESHOLD,
                CLASSIFIER_AUC_CERTAIN, "0.5 to 0.95",
            )  # fmt: skip
            loss = Indicator(
                "critic's loss over that of a constant critic",
                float(np.median(context.training_log.late(CRITIC_LOSS))) / constant_loss, LOSS_THRESHOLD, LOSS_CERTAIN,
                "0.2 to 1", logarithmic=True,
            )  # fmt: skip
            verdict = "The critic is too strong: it is almost certain of every sample."
            log = context.training_log_if_any
            if len(log) and (steps := int(log.steps[-1])) < MIN_STEPS:
                verdict += f" After {steps:,} steps that is common and may pass."
            cases.append(FailureCase(verdict, (loss, auc, classifier), advice, (sensitivity,)))
        return cases

    def picture(self, context: RunContext) -> Figure:
        figure, (left, right) = panels(2)
        outputs = context.critic_outputs
        named = {"training data": outputs.train, "held out": outputs.held_out, "generated": outputs.fake}
        histograms(left, {name: v for name, v in named.items() if len(v)}, "Critic outputs", "D(x)")
        names = [GENERATOR_GRADIENT, CRITIC_LOSS]
        curves(right, context.training_log_if_any, names, "Over the run", logarithmic=True)
        return figure


def constant_critic_loss(objective: Objective) -> float:
    """The least loss of a critic with constant output; NaN for objectives whose critic outputs an energy."""
    if objective.critic_output == "energy":
        return float("nan")
    with torch.no_grad():
        constants = torch.linspace(-4, 4, 161)
        losses = [float(objective.critic_loss(c.expand(8), c.expand(8))) for c in constants]
    return min(losses)


def _advice(config: Config) -> Advice:
    """The first change of settings worth a try against a critic that is too strong."""
    steps, default_steps = critic_steps(config)
    rate, critic_rate = initial(config.optimizer.learning_rate), config.optimizer.critic_learning_rate
    if config.objective["name"] == "minimax":
        reason = "the saturating loss is flat for samples that the critic rejects, and the non-saturating loss is not"
        return Advice(reason, {"objective": "non-saturating"})
    if steps > default_steps and config.objective["name"] != "wasserstein":
        reason = f"the critic is updated {steps} times per update of the generator"
        return Advice(reason, {"critic-steps": str(default_steps)})
    if critic_rate is not None and critic_rate > rate:
        reason = f"the critic's learning rate is {critic_rate / rate:.3g} times the generator's"
        return Advice(reason, {"critic-learning-rate": f"{rate:g}"})
    if "instance-noise" not in config.regularizers:
        reason = "noise on both sides makes the distributions overlap, so that the critic's gradient is informative"
        return add_regularizers(config, "instance-noise", reason=reason)
    return Advice("a critic that is trained more slowly", {"critic-learning-rate": f"{(critic_rate or rate) / 4:g}"})
