"""The critic has learnt the training data by heart: it scores them above held-out data.

What a critic says of training data is biased by having seen them, and of held-out data it is not. Looked at: how often
a training sample scores above a held-out one, and how far held-out data have moved from the training data's scores
towards those of generated samples.

Source: Karras et al. 2020, "Training Generative Adversarial Networks with Limited Data", section 2, whose r_v is this
way from training to generated scores; Brock et al. 2019, "Large Scale GAN Training", section 4.2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, final

from twoplayer.diagnosis._advice import with_rules
from twoplayer.diagnosis._base import Advice, FailureCase, Indicator, Unavailable
from twoplayer.diagnosis._failure_mode import FailureMode
from twoplayer.diagnosis._plots import curves, histograms, panels
from twoplayer.diagnosis._signals import separation

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from twoplayer.diagnosis._run_context import RunContext

__all__ = ["OverfitCritic"]

ABOVE, CLEARLY = 0.6, 0.8
"""Chance that a training sample scores above a held-out one."""
ERRORS, MANY = 4.0, 8.0
"""The same, in standard errors above one half."""
WAY, MOST = 0.15, 0.5
"""Share of the way from the training data's mean score to that of samples at which held-out data are."""
FEWEST = 16


@final
class OverfitCritic(FailureMode):
    """A critic that knows its training data from other data of the same kind."""

    severity: ClassVar[int] = 2

    def cases(self, patient: RunContext) -> Sequence[FailureCase]:
        train, held_out, fake = patient.scores
        if len(held_out) < FEWEST:
            raise Unavailable(f"fewer than {FEWEST} samples were held out of training")
        chance = separation(train, held_out)
        # Mann-Whitney's variance where both are of one distribution, without ties.
        error = math.sqrt((len(train) + len(held_out) + 1) / (12 * len(train) * len(held_out)))
        gap = float(train.mean() - fake.mean())
        way = float(train.mean() - held_out.mean()) / gap if gap > 0 else 0.0
        above = Indicator("chance that training scores above held-out", chance, ABOVE, CLEARLY, "0.45 to 0.57")
        sure = Indicator("the same in standard errors above one half", (chance - 0.5) / error, ERRORS, MANY, "-2 to 3")
        far = Indicator("how far held-out data are towards the samples", way, WAY, MOST, "-0.1 to 0.1")
        verdict = (
            f"The critic scores training data above held-out data ({chance:.0%} of the time), which are {way:.0%} of "
            "the way to generated samples: what it teaches is its training data."
        )
        return [FailureCase(verdict, (above, sure, far), _advice(patient))]

    def picture(self, patient: RunContext) -> Figure:
        figure, (left, right) = panels(2)
        train, held_out, fake = patient.scores
        named = {"training data": train, "held out": held_out, "generated": fake}
        histograms(left, named, "What the critic says", "score")
        curves(right, patient.course, ["real_score", "fake_score"], "In training, on training data")
        return figure


def _advice(patient: RunContext) -> Advice:
    count, rules = len(patient.dataset.train), patient.config.regularizers
    if not rules:
        return with_rules(
            patient.config, "r1", why=f"{count:,} training samples are few, and nothing holds the critic back"
        )
    if "instance-noise" not in rules:
        return with_rules(
            patient.config, "instance-noise", why=f"{count:,} training samples are few: noise makes them more"
        )
    images = max(1, int((patient.status.get("images_seen") or 0) // 4))
    return Advice(f"{count:,} training samples last no longer", {"images": str(images)}, without=("steps", "budget"))
