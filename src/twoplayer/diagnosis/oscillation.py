"""The samples' distribution oscillates, while the losses may look converged.

Training logs the mean of the samples of each logged step in a few coordinates. Over the second half of a run that
converges, the mean moves by no more than the sampling error of a minibatch; in a game that cycles it moves from one
side of the data to the other.

Source: Mescheder et al. 2018, "Which Training Methods for GANs do actually Converge?", section 2 (the Dirac-GAN);
Metz et al. 2017, "Unrolled Generative Adversarial Networks", section 3.1, where samples alternate between modes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, final

import numpy as np

from twoplayer.diagnosis._advice import stabilize
from twoplayer.diagnosis._base import FailureCase, Indicator, Unavailable
from twoplayer.diagnosis._failure_mode import FailureMode
from twoplayer.diagnosis._logged_values import CRITIC_LOSS, LOSSES
from twoplayer.diagnosis._plots import curves, panels
from twoplayer.diagnosis._signals import oscillations
from twoplayer.pages.plot_style import GRID_COLOUR

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from twoplayer.diagnosis._run_context import RunContext
    from twoplayer.diagnosis._time_series import Array

__all__ = ["ModeOscillation"]

AMPLITUDE_THRESHOLD, AMPLITUDE_CERTAIN = 0.4, 0.9
"""Root mean square deviation of the samples' mean from its time average, over the data's width."""
MIN_CROSSINGS, CROSSINGS_CERTAIN = 5, 12
"""Changes from one side to the other: two cycles and more."""
LATE_SHARE = 0.5
"""Share of the run that is examined, at its end."""
MIN_LOSSES = 12
"""Logged losses below which nothing is said of their trend."""


@final
class ModeOscillation(FailureMode):
    """A game whose generated distribution oscillates."""

    severity: ClassVar[int] = 2

    def cases(self, context: RunContext) -> Sequence[FailureCase]:
        means, lines = _late_means(context)
        noise = float(np.median([line["deviation"] / math.sqrt(line["count"]) for line in lines]))
        movement = oscillations(means, noise, context.data_location.deviation)
        if movement is None:
            raise Unavailable("too few steps are logged to see a cycle")
        amplitude = Indicator(
            "amplitude of the samples' mean over the data's width", movement.amplitude, AMPLITUDE_THRESHOLD,
            AMPLITUDE_CERTAIN, "0 to 0.25",
        )  # fmt: skip
        crossings = Indicator(
            "changes from one side to the other", movement.crossings, MIN_CROSSINGS - 1, CROSSINGS_CERTAIN,
            "any, if the amplitude is small",
        )  # fmt: skip
        verdict = (
            "The distribution of the samples oscillates: in the second half of the run its mean changed sides "
            f"{movement.crossings} times, with an amplitude of {movement.amplitude:.0%} of the data's width"
            f"{', while the loss of the critic looks converged' if _loss_looks_converged(context) else ''}."
        )
        return [FailureCase(verdict, (amplitude, crossings), stabilize(context.config))]

    def picture(self, context: RunContext) -> Figure:
        figure, axes = panels(3, width=12)
        means, lines = _late_means(context)
        centred = means - means.mean(0)
        along = centred @ np.linalg.svd(centred, full_matrices=False)[2][:2].T
        axes[0].plot([line["step"] for line in lines], along[:, 0])
        axes[0].axhspan(-context.data_location.deviation, context.data_location.deviation, color=GRID_COLOUR)
        axes[0].set(title="Mean of the samples (band: the data's width)", xlabel="step")
        if along.shape[1] > 1:
            axes[1].plot(along[:, 0], along[:, 1], linewidth=0.8, marker=".", markersize=3)
        axes[1].set_title("Its path in the principal plane")
        curves(axes[2], context.training_log_if_any, LOSSES, "Losses")
        return figure


def _late_means(context: RunContext) -> tuple[Array, list[Mapping[str, Any]]]:
    """Means of the samples ``(steps, K)`` in the second half of the run, and the lines of the log with them."""
    lines = [line for line in context.sample_log.lines if _is_complete(line)]
    lines = lines[int((1 - LATE_SHARE) * len(lines)) :]
    if len(lines) < 2:
        raise Unavailable("too few steps are logged to see a cycle")
    return np.array([line["mean"] for line in lines], np.float64), lines


def _is_complete(line: Mapping[str, Any]) -> bool:
    mean = line.get("mean")
    return isinstance(mean, list) and None not in mean and line.get("deviation") is not None and bool(line.get("count"))


def _loss_looks_converged(context: RunContext) -> bool:
    """Whether the critic's loss has a trend smaller than its scatter, so that it does not show the oscillation."""
    values = context.training_log.late(CRITIC_LOSS, LATE_SHARE)
    if len(values) < MIN_LOSSES or not values.std() > 0:
        return False
    half = len(values) // 2
    trend = abs(float(values[:half].mean() - values[half:].mean())) / float(values.std())
    return trend < 1
