"""The critic is too strong, or the generator's gradient vanishes.

Against a critic that tells everything, the saturating loss is flat, and the others have noisy gradients (Arjovsky and
Bottou). Looked at: by how much the generator's loss would change if its samples moved by the data's own width; how well
the critic parts held-out data from samples; its loss as a share of what it would pay for knowing nothing; and whether a
small fresh network parts them as well, since a critic that only just wins is no harm.

Source: Arjovsky & Bottou 2017, "Towards Principled Methods for Training Generative Adversarial Networks", theorems 2.4
to 2.6; Goodfellow et al. 2014, "Generative Adversarial Networks", section 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, final

import numpy as np
import torch

from twoplayer.diagnosis._advice import critic_steps, with_rules
from twoplayer.diagnosis._base import Advice, FailureCase, Indicator
from twoplayer.diagnosis._diversity import YOUNG
from twoplayer.diagnosis._failure_mode import FailureMode
from twoplayer.diagnosis._plots import curves, histograms, panels
from twoplayer.diagnosis._signals import separation

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from twoplayer.config.schema import Config
    from twoplayer.diagnosis._run_context import RunContext
    from twoplayer.diagnosis._time_series import TimeSeries
    from twoplayer.objectives._base import Objective

__all__ = ["StrongCritic"]

VANISHED = 1e-3
"""Share of its usual size below which the generator's gradient is in all of the latest lines when a watch warns."""
FLAT, FLATTEST = 3e-3, 3e-5
"""Change of the generator's loss when its samples move by the data's width: below the first it learns nothing."""
PARTED, WHOLLY = 0.95, 0.999
"""Chance that a real sample scores above a generated one."""
LOSS, LEAST = 0.05, 0.005
"""The critic's loss over that of a critic that knows nothing."""
PLAIN, PLAINEST = 0.95, 1.0
"""The same chance for a small fresh network, which sees coarse differences only."""


@final
class StrongCritic(FailureMode):
    """Both ways in which a critic leaves the generator nothing to learn from."""

    severity: ClassVar[int] = 2

    def cases(self, patient: RunContext) -> Sequence[FailureCase]:
        scores = patient.scores
        real = scores.held_out if len(scores.held_out) else scores.train
        parted = Indicator(
            "chance that real scores above generated", separation(real, scores.fake), PARTED, WHOLLY, "0.5 to 0.95"
        )
        flat = Indicator(
            "change of the generator's loss per data width moved", patient.reach, FLAT, FLATTEST, "0.03 to 50",
            logarithmic=True,
        )  # fmt: skip
        advice = _advice(patient.config)
        found = [
            FailureCase(
                "The generator's gradient has vanished: wherever its samples move, its loss stays, and the critic "
                "tells them from the data.",
                (flat, parted), advice,
            )
        ]  # fmt: skip
        chance = chance_loss(patient.objective)
        if chance > 0:
            plain = Indicator("the same by a fresh network", patient.tellable, PLAIN, PLAINEST, "0.5 to 0.95")
            share = float(np.median(patient.progress.late("critic_loss"))) / chance
            loss = Indicator(
                "critic's loss over that of knowing nothing", share, LOSS, LEAST, "0.2 to 1", logarithmic=True
            )
            verdict = f"The critic has won: it is all but certain of every sample.{_often(patient.course)}"
            found.append(FailureCase(verdict, (loss, parted, plain), advice, (flat,)))
        return found

    def picture(self, patient: RunContext) -> Figure:
        figure, (left, right) = panels(2)
        scores = patient.scores
        named = {"training data": scores.train, "held out": scores.held_out, "generated": scores.fake}
        histograms(left, {k: v for k, v in named.items() if len(v)}, "What the critic says", "score")
        curves(right, patient.course, ["generator_gradient_norm", "critic_loss"], "Over the run", logarithmic=True)
        return figure


def chance_loss(objective: Objective) -> float:
    """The least loss of a critic that gives every sample the same score; NaN where the output is an energy."""
    if objective.critic_output == "energy":
        return float("nan")
    with torch.no_grad():
        constants = torch.linspace(-4, 4, 161)
        losses = [float(objective.critic_loss(c.expand(8), c.expand(8))) for c in constants]
    return min(losses)


def _often(course: TimeSeries) -> str:
    if not len(course) or (rounds := int(course.steps[-1])) >= YOUNG:
        return ""
    return f" After {rounds:,} rounds that is common, and may pass."


def _advice(config: Config) -> Advice:
    steps, usual = critic_steps(config)
    rate, own = config.optimizer.learning_rate, config.optimizer.critic_learning_rate
    if config.objective["name"] == "minimax":
        why = "the saturating loss is flat where the critic wins, and the non-saturating one is not"
        return Advice(why, {"objective": "non-saturating"})
    if steps > usual and config.objective["name"] != "wasserstein":
        return Advice(f"the critic moves {steps} times for each move of the generator", {"critic-steps": str(usual)})
    if own is not None and own > rate:
        return Advice(f"the critic learns {own / rate:.3g} times faster", {"critic-learning-rate": f"{rate:g}"})
    if "instance-noise" not in config.regularizers:
        return with_rules(
            config, "instance-noise", why="noise on both sides makes them overlap, so that there is a slope"
        )
    return Advice("a slower critic", {"critic-learning-rate": f"{(own or rate) / 4:g}"})
