"""Variance penalty: the critic's outputs vary by at most 1 on each side, a constraint on scale instead of slope.

Source: Mroueh and Sercu 2017, "Fisher GAN", eq. 2 (a second-order constraint on the critic; here one per side,
as a penalty).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from twoplayer.core import distributed
from twoplayer.core.ranges import NonNegative
from twoplayer.regularizers._base import CriticBatch, Penalty

__all__ = ["Variance"]


class Variance(Penalty):
    """weight · [max(0, Var D(x) − limit)² + max(0, Var D(G(z)) − limit)²], variances over the whole batch."""

    def __init__(self, *, weight: NonNegative = 1.0, limit: NonNegative = 1.0) -> None:
        self.weight, self.limit = weight, limit

    def penalty(self, critic: nn.Module, scored: CriticBatch, random: torch.Generator) -> Tensor:
        sides = (scored.real_output, scored.fake_output)
        return self.weight * sum((self._excess(o).square() for o in sides), torch.zeros((), device=sides[0].device))

    def _excess(self, output: Tensor) -> Tensor:
        centred = output - distributed.mean(output.mean())
        return (distributed.mean(centred.square().mean()) - self.limit).clamp_min(0)
