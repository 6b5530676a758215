"""The step size η of functional gradient steps: given, or chosen from the first slopes; halved where samples leave."""

from __future__ import annotations

import math
import statistics
import warnings
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from twoplayer.core import distributed
from twoplayer.core.errors import UserError
from twoplayer.core.ranges import Share, at_least, within

__all__ = ["StepSize", "stay_where_not_finite"]

MARGIN = {"images": 0.25, "points": 1.0}
"""Samples may lie outside the data's box by so much of its width; no one knows where points may lie."""
STRAYS = 0.05
"""Share of values that may lie farther out, beyond the least share of any step before."""
MOST_HALVINGS = 20
CALM = 20
"""Steps without halving after which one halving is taken back."""


class StepSize:
    """η of each functional step.

    Without a given η, each of the first `trials` steps moves samples by `share` of the data's standard deviation
    (root mean squares over all values), and the median of the later half of these η is kept from then on; but no
    step moves them farther than that share, since a critic's slope may grow without bound as densities come close:
    on a grid of 25 Gaussians a fixed η lost 17 of 25 modes that it had covered.

    A step that would take more than 5 % of all values farther out of the data's range, margin included, than the
    least share of any step before is halved until it does not; where 20 halvings do not do, the step is skipped and
    the next one begins with half of η. η stays halved, and doubles again after 20 steps without; so a given η may
    recover too.
    """

    def __init__(self, given: float | None, share: float, trials: int) -> None:
        if given is not None and not given > 0:
            raise UserError(f"step_size must be above 0, not {given:g}: leave it out to have it chosen")
        at_least(1, step_size_trials=trials)
        self.given, self.trials = given, trials
        self.share: float = within(Share, step_share=share)
        self.tried: list[float] = []
        self.cut, self.calm, self.least = 1.0, 0, 1.0
        self.box: tuple[float, float] | None = None
        self.deviation = 0.0

    @torch.no_grad()
    def look(self, real: Tensor) -> None:
        """Learn the data's box and standard deviation from a real minibatch; images lie in [−1, 1]."""
        if real.dim() > 2 and self.deviation:
            return
        low, high = (
            (-1.0, 1.0) if real.dim() > 2 else (-float(distributed.largest(-real)), float(distributed.largest(real)))
        )
        self.box = (low, high) if self.box is None else (min(low, self.box[0]), max(high, self.box[1]))
        if not self.deviation:
            mean = distributed.mean(real.mean(0))
            self.deviation = float(distributed.mean((real - mean).square().mean())) ** 0.5

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
        """η for the step from `samples` along `slope`, both ``(B, *shape)``; 0 where no step can be taken.

        Rows of `slope` that are not finite are set to 0 in place, so that those samples stay. `room` in (0, 1] is
        how much of `share` this step may use. Warns once where η was halved, a step skipped, or samples stayed.
        """
        lost = float(distributed.mean(stay_where_not_finite(slope).float().mean()))
        if lost:
            warnings.warn(f"{lost:.2%} of the samples stay: the critic's slope there is not finite", stacklevel=2)
        size = float(distributed.mean(slope.square().mean())) ** 0.5
        if not 0 < size < math.inf:
            return 0.0
        most, rate = room * self.share * self.deviation / size, self.settled
        if rate is None:
            self.tried.append(most / room)
        if self.given is None:
            rate = most * self.cut if rate is None else min(rate, most * self.cut)
        assert rate is not None
        return self._held_back(samples, slope, rate)

    def _held_back(self, samples: Tensor, slope: Tensor, rate: float) -> float:
        """`rate`, halved until samples stay in the range of the data; the cut is remembered for a while."""
        now = self._strays(samples)
        self.least = min(self.least, now)
        allowed = max(self.least + STRAYS, now)  # samples that begin outside must be able to come in
        for halvings in range(MOST_HALVINGS + 1):
            if self._strays(samples + rate / 2**halvings * slope) <= allowed:
                return self._cut(rate, halvings)
        self.cut, self.calm = self.cut / 2, 0  # so that an η far too large comes down to where it serves
        warnings.warn(
            "samples would leave the range of the data at every step size tried: this step is skipped, and the step "
            "size halved",
            stacklevel=3,
        )
        return 0.0

    def _cut(self, rate: float, halvings: int) -> float:
        self.calm = 0 if halvings else self.calm + 1
        if self.calm == CALM:
            self.cut, self.calm = min(1.0, 2 * self.cut), 0
        if halvings:
            rate, self.cut = rate / 2**halvings, self.cut / 2**halvings
            warnings.warn(f"samples left the range of the data: the step size is now {rate:.3g}", stacklevel=4)
        return rate

    def _strays(self, samples: Tensor) -> float:
        """Share of values outside the data's box and its margin."""
        assert self.box is not None
        low, high = self.box
        margin = MARGIN["images" if samples.dim() > 2 else "points"] * (high - low)
        inside = (samples >= low - margin) & (samples <= high + margin)  # false for NaN
        return 1 - float(distributed.mean(inside.float().mean()))

    def state_dict(self) -> dict[str, Any]:
        return {
            "tried": list(self.tried),
            "cut": self.cut,
            "calm": self.calm,
            "least": self.least,
            "box": self.box and list(self.box),
            "deviation": self.deviation,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.tried, self.cut = list(state["tried"]), state["cut"]
        self.calm, self.least = state["calm"], state["least"]
        self.deviation = state["deviation"]
        self.box = None if state["box"] is None else (state["box"][0], state["box"][1])


def stay_where_not_finite(slope: Tensor) -> Tensor:
    """Set rows of `slope` ``(B, *shape)`` that are not finite to 0, in place, and return which, ``(B,)``."""
    lost = ~slope.flatten(1).isfinite().all(1)
    slope.masked_fill_(lost.view(-1, *[1] * (slope.dim() - 1)), 0.0)
    return lost
