"""The critic is too weak: it cannot tell samples from data that anybody could tell apart.

A small fresh network is trained for a second on samples and training data, and tested on held-out data and other
samples. Where it parts them and the critic of the run does not, the generator is judged by a critic that sees nothing.

Source: Arora et al. 2017, "Generalization and Equilibrium in Generative Adversarial Nets (GANs)", section 3: a critic
of small capacity is won over by samples that are far from the data; Lopez-Paz & Oquab 2017, "Revisiting Classifier
Two-Sample Tests", for the fresh network.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, final

from twoplayer.diagnosis._advice import stronger_critic
from twoplayer.diagnosis._base import FailureCase, Indicator
from twoplayer.diagnosis._failure_mode import FailureMode
from twoplayer.diagnosis._plots import curves, histograms, panels, samples
from twoplayer.diagnosis._signals import separation

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from twoplayer.diagnosis._run_context import RunContext

__all__ = ["WeakCritic"]

BLIND, BLINDEST = 0.65, 0.5
"""Chance that a real sample scores above a generated one, by the run's own critic."""
MISSED, MOST = 0.2, 0.4
"""How much better a fresh network does."""


@final
class WeakCritic(FailureMode):
    """A critic that is beaten by a network trained for a second."""

    severity: ClassVar[int] = 2

    def cases(self, patient: RunContext) -> Sequence[FailureCase]:
        scores = patient.scores
        real = scores.held_out if len(scores.held_out) else scores.train
        own = separation(real, scores.fake)
        blind = Indicator("chance that real scores above generated", own, BLIND, BLINDEST, "0.5 to 0.95")
        missed = Indicator("how much better a fresh network does", patient.tellable - own, MISSED, MOST, "below 0.15")
        verdict = (
            "The critic cannot tell samples from data, though they differ: the generator learns from a blind judge."
        )
        return [FailureCase(verdict, (blind, missed), stronger_critic(patient.config))]

    def picture(self, patient: RunContext) -> Figure:
        figure, (left, middle, right) = panels(3, width=12)
        scores = patient.scores
        real = scores.held_out if len(scores.held_out) else scores.train
        histograms(left, {"real": real, "generated": scores.fake}, "What the critic says", "score")
        samples(middle, patient.samples, "Samples", real=patient.stored)
        curves(right, patient.course, ["real_score", "fake_score"], "Over the run")
        return figure
