"""Dead or saturated units: parts of a player that pass on neither a signal nor a gradient.

A unit of a ReLU is dead where it gives 0 for every sample that was tried; one of a tanh or sigmoid is saturated where
it stays at the same end of its range. The generator's own last tanh is held against the data: as many of their values
may be black or white.

Source: Glorot & Bengio 2010, "Understanding the difficulty of training deep feedforward neural networks"; Maas et al.
2013, "Rectifier Nonlinearities Improve Neural Network Acoustic Models", section 2.1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar, final

import torch

from twoplayer.core.registry import family
from twoplayer.diagnosis import _probes as measured
from twoplayer.diagnosis._advice import calmer
from twoplayer.diagnosis._base import Advice, FailureCase, Indicator
from twoplayer.diagnosis._failure_mode import FailureMode
from twoplayer.diagnosis._plots import bars, panels, samples

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from twoplayer.diagnosis._run_context import RunContext

__all__ = ["DeadUnits"]

MANY, ALL = 0.6, 0.95
"""Share of the units of one layer."""
STUCK, FULL = 0.4, 0.8
"""Share of the generator's values at either end of its tanh, beyond the data's."""
END = 0.99
"""From where on a tanh is at its end."""


@final
class DeadUnits(FailureMode):
    """A layer most of which does nothing."""

    severity: ClassVar[int] = 2

    def cases(self, patient: RunContext) -> Sequence[FailureCase]:
        return [*self._layers(patient), *self._ends(patient)]

    def picture(self, patient: RunContext) -> Figure:
        figure, (left, right) = panels(2, width=11)
        found = _units(patient)
        labels = [f"{player}: {layer.name}" for player, layer in found]
        if labels:
            bars(left, labels, [layer.value for _, layer in found], "Share of dead or saturated units")
            left.set_ylim(0, 1)
        samples(right, patient.samples, "Samples", real=patient.stored)
        return figure

    def _layers(self, patient: RunContext) -> Iterator[FailureCase]:
        found = _units(patient)
        if not found:
            return
        player, worst = max(found, key=lambda pair: pair[1].value)
        sign = Indicator("largest share of dead or saturated units in a layer", worst.value, MANY, ALL, "0 to 0.5")
        verdict = f"{worst.value:.0%} of the units of layer {worst.name} of the {player} do nothing."
        yield FailureCase(verdict, (sign,), _advice(patient, player))

    def _ends(self, patient: RunContext) -> Iterator[FailureCase]:
        if patient.kind != "images":
            return
        fake, real = (float((x.abs() > END).float().mean()) for x in (patient.fakes, patient.train))
        sign = Indicator("share of black and white values beyond the data's", fake - real, STUCK, FULL, "-0.3 to 0.2")
        verdict = f"{fake:.0%} of the generator's values are at the ends of its tanh, and {real:.0%} of the data's."
        yield FailureCase(verdict, (sign,), calmer(patient.config))


def _units(patient: RunContext) -> list[tuple[str, measured.LayerActivity]]:
    both = torch.cat([patient.train, patient.fakes])
    generator = [("generator", layer) for layer in measured.units(patient.game.generator, patient.latents)]
    return [*generator, *(("critic", layer) for layer in measured.units(patient.critic, both))]


def _advice(patient: RunContext, player: str) -> Advice:
    """A leaky activation, where the player can have another than it has and its steps are none too large."""
    steadier, config = calmer(patient.config), patient.config
    part = config.generator if player == "generator" else config.critic
    fixed = "activation" not in family("networks").options(str(part["name"])) or part.get("activation") == "leaky-relu"
    if "learning-rate" in steadier.settings or fixed:
        return steadier
    return Advice("a leaky ReLU passes something on everywhere", {f"{player}.activation": "leaky-relu"})
