"""Gradients explode, or numbers are no longer finite.

Where training stopped itself, the rounds after the last good checkpoint are played again with every layer watched, and
the first layer and round are named in which an output, a gradient or a weight is no longer finite, or else the layer
whose gradient grew most. Where it goes on, the gradient norms of its log are held against what is usual for it.

Source: Huang et al. 2024, "The GAN is dead; long live the GAN! A Modern Baseline GAN", section 2: in divergence the
critic's slope at generated samples explodes first.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, final

import numpy as np

from twoplayer.diagnosis._advice import GENTLE, calmer
from twoplayer.diagnosis._base import Advice, FailureCase, Indicator, Unavailable
from twoplayer.diagnosis._failure_mode import FailureMode
from twoplayer.diagnosis._plots import curves, panels
from twoplayer.diagnosis._signals import growth

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from twoplayer.diagnosis._replay import Replay
    from twoplayer.diagnosis._run_context import RunContext

__all__ = ["TrainingDivergence"]

GROWN, ALL = 1e3, 1e5
"""How many times its usual size a gradient has at the end."""
LAYERS = 8
"""Layers that a picture shows, those that grew most."""


@final
class TrainingDivergence(FailureMode):
    """A run that stopped itself, or whose gradients grow without end."""

    severity: ClassVar[int] = 3

    def __init__(self) -> None:
        self.replayed: Replay | None = None

    def cases(self, patient: RunContext) -> Sequence[FailureCase]:
        if patient.status.get("state") == "diverged":
            return [self._diverged(patient)]
        grown = [
            Indicator(
                f"{player}'s gradient at the end over its usual size",
                growth(patient.progress[f"{player}_gradient_norm"]), GROWN, ALL, "0.1 to 10", logarithmic=True,
            )
            for player in ("critic", "generator")
        ]  # fmt: skip
        verdict = "The {}'s gradient explodes: the run is about to end in numbers that are not finite."
        return [
            FailureCase(verdict.format(player), (sign,), _calmer(patient), tuple(s for s in grown if s is not sign))
            for player, sign in zip(("critic", "generator"), grown, strict=True)
        ]

    def picture(self, patient: RunContext) -> Figure:
        figure, (left, right) = panels(2, width=10)
        names = ["critic_gradient_norm", "generator_gradient_norm", "critic_loss"]
        curves(left, patient.course, names, "Over the run", logarithmic=True)
        if self.replayed is not None and self.replayed.rounds:
            _layers(right, self.replayed)
        else:
            curves(right, patient.course, ["real_score", "fake_score"], "What the critic says")
        return figure

    def _diverged(self, patient: RunContext) -> FailureCase:
        stopped = Indicator("training stopped itself (1: yes)", 1.0, 0.5, 1.0, "0")
        stated = str(patient.status.get("message") or "").partition("; ")[0].strip()
        try:
            from twoplayer.diagnosis._replay import replay

            self.replayed = replay(patient)
        except Unavailable as reason:
            verdict = f"{stated[:1].upper()}{stated[1:]}. Which layer it was is not known: {reason}."
            return FailureCase(verdict, (stopped,), _calmer(patient))
        verdict, beside = _told(self.replayed, stated)
        return FailureCase(verdict, (stopped,), _calmer(patient), beside)


def _told(found: Replay, stated: str) -> tuple[str, tuple[Indicator, ...]]:
    """What the rounds played again say, in words and in numbers."""
    grew = found.broken if found.broken in found.norms else found.steepest
    beside: tuple[Indicator, ...] = ()
    if grew is not None and not math.isnan(times := found.growth(grew)):
        beside = (Indicator(f"growth of the gradient of {grew}", times, GROWN, ALL, "below 10", logarithmic=True),)
    if found.broken is not None:
        return f"In round {found.broke:,} {found.what} was first no longer finite in {found.broken}.", beside
    if grew is None:
        return f"{stated[:1].upper()}{stated[1:]}; played again, all of its numbers were finite.", beside
    return f"{stated[:1].upper()}{stated[1:]}; the gradient grew most in {grew}.", beside


def _layers(axes: Axes, found: Replay) -> None:
    order = sorted(found.norms, key=lambda layer: -_rank(found, layer))
    for layer in order[:LAYERS]:
        values = np.array(found.norms[layer], float)
        rounds = np.arange(found.first, found.first + len(values))
        axes.plot(rounds, np.where(np.isfinite(values), values, np.nan), label=layer)
    axes.set_yscale("log")
    axes.set(title="Gradients by layer, played again", xlabel="round")
    axes.legend(fontsize=6)


def _rank(found: Replay, layer: str) -> float:
    times = found.growth(layer)
    return math.inf if layer == found.broken else 0.0 if math.isnan(times) else times


def _calmer(patient: RunContext) -> Advice:
    """`calmer`, also where the settings of the run cannot be read any more."""
    try:
        return calmer(patient.config)
    except Unavailable:
        return Advice("smaller steps", {"learning-rate": f"{GENTLE:g}"})
