"""Dead or saturated units: parts of a network that pass on neither signal nor gradient.

A unit of a ReLU is dead if its output is 0 for every sample tried; a unit of a tanh or sigmoid is saturated if its
output stays at the same end of the range. The generator's last tanh is compared with the data, which may contain as
many black and white values.

Source: Glorot & Bengio 2010, "Understanding the difficulty of training deep feedforward neural networks"; Maas et al.
2013, "Rectifier Nonlinearities Improve Neural Network Acoustic Models", section 2.1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar, final

import torch

from twoplayer.core.registry import family
from twoplayer.diagnosis._advice import stabilize
from twoplayer.diagnosis._base import Advice, FailureCase, Indicator
from twoplayer.diagnosis._failure_mode import FailureMode
from twoplayer.diagnosis._plots import bars, panels, samples
from twoplayer.diagnosis._probes import LayerValue, inactive_units

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from twoplayer.diagnosis._run_context import RunContext

__all__ = ["DeadUnits"]

INACTIVE_THRESHOLD, INACTIVE_CERTAIN = 0.6, 0.95
"""Share of dead or saturated units in a layer."""
EXTREME_THRESHOLD, EXTREME_CERTAIN = 0.4, 0.8
"""Share of the generator's values at either end of its tanh, less the data's share."""
EXTREME_VALUE = 0.99
"""Absolute value from which on a tanh is at the end of its range."""


@final
class DeadUnits(FailureMode):
    """A layer most of whose units are inactive."""

    severity: ClassVar[int] = 2

    def cases(self, context: RunContext) -> Sequence[FailureCase]:
        return [*self._layer_cases(context), *self._extreme_cases(context)]

    def picture(self, context: RunContext) -> Figure:
        figure, (left, right) = panels(2, width=11)
        layers = _layers(context)
        if layers:
            labels = [f"{player}: {layer.name}" for player, layer in layers]
            bars(left, labels, [layer.value for _, layer in layers], "Share of dead or saturated units")
            left.set_ylim(0, 1)
        samples(right, context.samples, "Samples", real=context.stored_train)
        return figure

    def _layer_cases(self, context: RunContext) -> Iterator[FailureCase]:
        layers = _layers(context)
        if not layers:
            return
        player, layer = max(layers, key=lambda pair: pair[1].value)
        indicator = Indicator(
            "largest share of dead or saturated units in a layer", layer.value, INACTIVE_THRESHOLD, INACTIVE_CERTAIN,
            "0 to 0.5",
        )  # fmt: skip
        verdict = f"{layer.value:.0%} of the units of layer {layer.name} of the {player} are dead or saturated."
        yield FailureCase(verdict, (indicator,), _advice(context, player))

    def _extreme_cases(self, context: RunContext) -> Iterator[FailureCase]:
        if context.kind != "images":
            return
        fake, real = (float((x.abs() > EXTREME_VALUE).float().mean()) for x in (context.fakes, context.train))
        indicator = Indicator(
            "share of black and white values, less the data's", fake - real, EXTREME_THRESHOLD, EXTREME_CERTAIN,
            "-0.3 to 0.2",
        )  # fmt: skip
        verdict = f"{fake:.0%} of the generator's values are at the ends of its tanh, and {real:.0%} of the data's."
        yield FailureCase(verdict, (indicator,), stabilize(context.config))


def _layers(context: RunContext) -> list[tuple[str, LayerValue]]:
    """Each hidden activation's share of inactive units, with its player."""
    both = torch.cat([context.train, context.fakes])
    generator = [("generator", layer) for layer in inactive_units(context.game.generator, context.latents)]
    return [*generator, *(("critic", layer) for layer in inactive_units(context.critic, both))]


def _advice(context: RunContext, player: str) -> Advice:
    """A leaky activation, if the player's network has that option and the learning rate is not too large."""
    stable, config = stabilize(context.config), context.config
    network = config.generator if player == "generator" else config.critic
    options = family("networks").options(str(network["name"]))
    fixed = "activation" not in options or network.get("activation") == "leaky-relu"
    if "learning-rate" in stable.settings or fixed:
        return stable
    return Advice("a leaky ReLU has a gradient everywhere", {f"{player}.activation": "leaky-relu"})
