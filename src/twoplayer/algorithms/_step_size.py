"""The step size η of functional gradient steps: given, or chosen from the first slopes; halved where samples leave."""

from __future__ import annotations

import statistics
import warnings
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from twoplayer import parallel
from twoplayer.errors import UserError

__all__ = ["StepSize"]

MARGIN = {"images": 0.25, "points": 1.0}
"""Samples may lie outside the data's box by so much of its width; no one knows where points may lie."""
STRAYS = 0.05
"""Share of values that may go farther out in one step before it counts as diverging."""
MOST_HALVINGS = 20


class StepSize:
    """η of each functional step.

    Without a given η, each of the first `trials` steps moves samples by `share` of the data's standard deviation
    (root mean squares over all values), and the median of the later half of these η is kept from then on; but no
    step moves them farther than that share, since a critic's slope may grow without bound as densities come close:
    on a grid of 25 Gaussians a fixed η lost 17 of 25 modes that it had covered.
    """

    def __init__(self, given: float | None, share: float, trials: int) -> None:
        if given is not None and not given > 0:
            raise UserError(f"step_size must be above 0, not {given:g}: leave it out to have it chosen")
        self.given, self.share, self.trials = given, share, trials
        self.tried: list[float] = []
        self.cut = 1.0
        self.box: tuple[float, float] | None = None
        self.deviation = 0.0

    @torch.no_grad()
    def look(self, real: Tensor) -> None:
        """Learn the data's box and standard deviation from a real minibatch; images lie in [−1, 1]."""
        if real.dim() > 2 and self.deviation:
            return
        low, high = (-1.0, 1.0) if real.dim() > 2 else (-float(parallel.largest(-real)), float(parallel.largest(real)))
        self.box = (low, high) if self.box is None else (min(low, self.box[0]), max(high, self.box[1]))
        if not self.deviation:
            mean = parallel.mean(real.mean(0))
            self.deviation = float(parallel.mean((real - mean).square().mean())) ** 0.5

    @property
    def settled(self) -> float | None:
        """η where it no longer depends on the slope."""
        if self.given is not None:
            return self.given * self.cut
        if len(self.tried) < self.trials:
            return None
        return statistics.median(self.tried[len(self.tried) // 2 :]) * self.cut

    @torch.no_grad()
    def choose(self, samples: Tensor, slope: Tensor, room: float = 1.0) -> float:
        """η for the step from `samples` along `slope`, both ``(B, *shape)``; halved and warned of until they stay.

        `room` in (0, 1] is how much of `share` this step may use.
        """
        size = float(parallel.mean(slope.square().mean())) ** 0.5
        most, rate = room * self.share * self.deviation / max(size, 1e-30), self.settled
        if rate is None:
            self.tried.append(most / room)
        if self.given is None:
            rate = most * self.cut if rate is None else min(rate, most)
        assert rate is not None
        allowed = self._strays(samples) + STRAYS
        for _ in range(MOST_HALVINGS):
            if self._strays(samples + rate * slope) <= allowed:
                break
            rate, self.cut = rate / 2, self.cut / 2
            warnings.warn(f"samples left the range of the data: the step size is now {rate:.3g}", stacklevel=2)
        return rate

    def _strays(self, samples: Tensor) -> float:
        """Share of values outside the data's box and its margin."""
        assert self.box is not None
        low, high = self.box
        margin = MARGIN["images" if samples.dim() > 2 else "points"] * (high - low)
        inside = (samples >= low - margin) & (samples <= high + margin)  # false for NaN
        return 1 - float(parallel.mean(inside.float().mean()))

    def state_dict(self) -> dict[str, Any]:
        return {
            "tried": list(self.tried),
            "cut": self.cut,
            "box": self.box and list(self.box),
            "deviation": self.deviation,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.tried, self.cut = list(state["tried"]), state["cut"]
        self.deviation = state["deviation"]
        self.box = None if state["box"] is None else (state["box"][0], state["box"][1])
