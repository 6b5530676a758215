"""Gradients explode, or numbers are no longer finite.

If training stopped itself, the steps after the last good checkpoint are repeated with every layer observed; the finding
names the first layer and step with an output, gradient or weight that is not finite, or else the layer whose gradient
grew most. If training went on, the logged gradient norms are compared with their usual size.

Source: Huang et al. 2024, "The GAN is dead; long live the GAN! A Modern Baseline GAN", section 2: in a divergence the
critic's gradient at generated samples explodes first.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, final

import numpy as np

from twoplayer.diagnosis._advice import GENTLE_LEARNING_RATE, stabilize
from twoplayer.diagnosis._base import Advice, FailureCase, Indicator, Unavailable
from twoplayer.diagnosis._failure_mode import FailureMode
from twoplayer.diagnosis._logged_values import CRITIC_LOSS, GRADIENT_NORMS, SCORES
from twoplayer.diagnosis._plots import curves, panels
from twoplayer.diagnosis._signals import final_growth

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from twoplayer.diagnosis._replay import Replay
    from twoplayer.diagnosis._run_context import RunContext

__all__ = ["TrainingDivergence"]

GROWTH_THRESHOLD, GROWTH_CERTAIN = 1e3, 1e5
"""Gradient norm at the end over its usual size."""
MAX_PLOTTED_LAYERS = 8


@final
class TrainingDivergence(FailureMode):
    """A run that stopped itself, or whose gradients explode."""

    severity: ClassVar[int] = 3

    def __init__(self) -> None:
        self.replayed: Replay | None = None

    def cases(self, context: RunContext) -> Sequence[FailureCase]:
        if context.status.get("state") == "diverged":
            return [self._diverged(context)]
        indicators = {
            player: Indicator(
                f"{player}'s gradient at the end over its usual size", final_growth(context.training_log[name]),
                GROWTH_THRESHOLD, GROWTH_CERTAIN, "0.1 to 10", logarithmic=True,
            )
            for player, name in GRADIENT_NORMS.items()
        }  # fmt: skip
        return [
            FailureCase(
                f"The {player}'s gradient explodes: the run is about to reach numbers that are not finite.",
                (indicator,),
                _stabilize(context),
                tuple(i for i in indicators.values() if i is not indicator),
            )
            for player, indicator in indicators.items()
        ]

    def picture(self, context: RunContext) -> Figure:
        figure, (left, right) = panels(2, width=10)
        log = context.training_log_if_any
        curves(left, log, [*GRADIENT_NORMS.values(), CRITIC_LOSS], "Over the run", logarithmic=True)
        if self.replayed is not None and self.replayed.step_count:
            _plot_layers(right, self.replayed)
        else:
            curves(right, log, SCORES, "Critic outputs")
        return figure

    def _diverged(self, context: RunContext) -> FailureCase:
        stopped = Indicator("training stopped itself (1: yes)", 1.0, 0.5, 1.0, "0")
        message = str(context.status.get("message") or "").partition("; ")[0].strip()
        message = message[:1].upper() + message[1:]
        try:
            from twoplayer.diagnosis._replay import replay

            self.replayed = replay(context)
        except Unavailable as reason:
            verdict = f"{message}. The layer that caused it is not known: {reason}."
            return FailureCase(verdict, (stopped,), _stabilize(context))
        replayed = self.replayed
        layer = replayed.broken_layer if replayed.broken_layer in replayed.norms else replayed.fastest_growing_layer
        growth: tuple[Indicator, ...] = ()
        if layer is not None and not math.isnan(factor := replayed.growth(layer)):
            name = f"growth of the gradient of {layer}"
            growth = (Indicator(name, factor, GROWTH_THRESHOLD, GROWTH_CERTAIN, "below 10", logarithmic=True),)
        if replayed.broken_layer is not None:
            verdict = (
                f"In step {replayed.broken_step:,} {replayed.broken_tensor} was the first number that is not finite, "
                f"in {replayed.broken_layer}."
            )
        elif layer is None:
            verdict = f"{message}; when its steps were repeated, all numbers were finite."
        else:
            verdict = f"{message}; the gradient grew most in {layer}."
        return FailureCase(verdict, (stopped,), _stabilize(context), growth)


def _plot_layers(axes: Axes, replayed: Replay) -> None:
    """The gradient norms of the layers that grew most, the one that broke first."""

    def rank(layer: str) -> float:
        growth = replayed.growth(layer)
        return math.inf if layer == replayed.broken_layer else 0.0 if math.isnan(growth) else growth

    for layer in sorted(replayed.norms, key=rank, reverse=True)[:MAX_PLOTTED_LAYERS]:
        values = np.array(replayed.norms[layer], float)
        steps = np.arange(replayed.first_step, replayed.first_step + len(values))
        axes.plot(steps, np.where(np.isfinite(values), values, np.nan), label=layer)
    axes.set_yscale("log")
    axes.set(title="Gradient norms by layer in the repeated steps", xlabel="step")
    axes.legend(fontsize=6)


def _stabilize(context: RunContext) -> Advice:
    """`stabilize`, or a small learning rate if the run's settings cannot be read."""
    try:
        return stabilize(context.config)
    except Unavailable:
        return Advice("smaller steps", {"learning-rate": f"{GENTLE_LEARNING_RATE:g}"})
