"""The samples' distribution swings to and fro, or goes round and round, while the losses look settled.

Training logs where the mean of each logged round's samples lies, in a few coordinates. Over the second half of the run,
where it is past its start, the mean of a game that settles moves by what a minibatch's sampling shows; in a game that
cycles it crosses the data from side to side.

Source: Mescheder et al. 2018, "Which Training Methods for GANs do actually Converge?", section 2 (the Dirac-GAN);
Metz et al. 2017, "Unrolled Generative Adversarial Networks", section 3.1, where samples hop from mode to mode.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, final

import numpy as np

from twoplayer.diagnosis._advice import calmer
from twoplayer.diagnosis._base import FailureCase, Indicator, Unavailable
from twoplayer.diagnosis._failure_mode import FailureMode
from twoplayer.diagnosis._plots import curves, panels
from twoplayer.diagnosis._signals import swings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from twoplayer.diagnosis._run_context import RunContext
    from twoplayer.diagnosis._time_series import Array

__all__ = ["ModeOscillation"]

FAR, ACROSS = 0.4, 0.9
"""Root mean square way of the samples' mean, over the data's width."""
OFTEN, ALWAYS = 5, 12
"""Times it went from one side to the other: two whole cycles and more."""
SETTLED = 0.5
"""Share of the run that is looked at, its end."""


@final
class ModeOscillation(FailureMode):
    """A game that goes in circles."""

    severity: ClassVar[int] = 2

    def cases(self, patient: RunContext) -> Sequence[FailureCase]:
        places, lines = _late(patient)
        noise = float(np.median([line["deviation"] / math.sqrt(line["count"]) for line in lines]))
        moved = swings(places, noise, patient.place.deviation)
        if moved is None:
            raise Unavailable("too few rounds are logged to see a cycle")
        far = Indicator("way of the samples' mean over the data's width", moved.reach, FAR, ACROSS, "0 to 0.25")
        often = Indicator("times it went from side to side", moved.count, OFTEN - 1, ALWAYS, "any, if the way is short")
        verdict = (
            f"The distribution of the samples swings: in the second half of the run its mean went from one side to the "
            f"other {moved.count} times, {moved.reach:.0%} of the data's width each way{_losses(patient)}."
        )
        return [FailureCase(verdict, (far, often), calmer(patient.config))]

    def picture(self, patient: RunContext) -> Figure:
        figure, axes = panels(3, width=12)
        places, lines = _late(patient)
        apart = places - places.mean(0)
        axis = np.linalg.svd(apart, full_matrices=False)[2][:2]
        along, rounds = apart @ axis.T, [line["step"] for line in lines]
        axes[0].plot(rounds, along[:, 0])
        axes[0].axhspan(-patient.place.deviation, patient.place.deviation, color="#e5e1d8")
        axes[0].set(title="Where the samples' mean is (band: the data's width)", xlabel="round")
        if along.shape[1] > 1:
            axes[1].plot(along[:, 0], along[:, 1], linewidth=0.8, marker=".", markersize=3)
        axes[1].set_title("Its way in the plane")
        curves(axes[2], patient.course, ["critic_loss", "generator_loss"], "Losses")
        return figure


def _late(patient: RunContext) -> tuple[Array, list[Mapping[str, Any]]]:
    """Where the samples of the later rounds were, and the lines that say so."""
    lines = [line for line in patient.statistics.lines if _whole(line)]
    lines = lines[int((1 - SETTLED) * len(lines)) :]
    if len(lines) < 2:
        raise Unavailable("too few rounds are logged to see a cycle")
    return np.array([line["mean"] for line in lines], np.float64), lines


def _whole(line: Mapping[str, Any]) -> bool:
    mean = line.get("mean")
    return isinstance(mean, list) and None not in mean and line.get("deviation") is not None and bool(line.get("count"))


def _losses(patient: RunContext) -> str:
    """Whether the losses would have told: their trend over their scatter."""
    values = patient.progress.late("critic_loss", SETTLED)
    if len(values) < 12 or not values.std() > 0:
        return ""
    half = len(values) // 2
    trend = abs(float(values[:half].mean() - values[half:].mean())) / float(values.std())
    return ", while the critic's loss looks settled" if trend < 1 else ""
