"""Variance penalty: the critic's outputs vary by at most 1 on each side, a constraint on scale instead of slope.

Source: Mroueh and Sercu 2017, "Fisher GAN", eq. 2 (a second-order constraint on the critic; here one per side,
as a penalty).
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from twoplayer.core import distributed
from twoplayer.core.ranges import Count, NonNegative, within
from twoplayer.regularizers._base import CriticBatch, Penalty

__all__ = ["Variance"]


class Variance(Penalty):
    """weight · [max(0, Var D(x) − limit)² + max(0, Var D(G(z)) − limit)²], variances over the whole batch.

    Args:
        weight: of the penalty, at least 0.
        limit: variance up to which nothing is penalized, at least 0.
        every: the penalty acts in every k-th step only, in an optimizer step of its own and k times as large, with the
            optimizer's learning rate and decay rates corrected (Karras et al. 2020, StyleGAN2, appendix B). At least 1.
    """

    schedulable: ClassVar[frozenset[str]] = frozenset({"weight", "limit"})

    def __init__(self, *, weight: NonNegative = 1.0, limit: NonNegative = 1.0, every: Count = 1) -> None:
        self.every = within(Count, every=every)
        self.weight, self.limit = weight, limit

    def penalty(self, critic: nn.Module, scored: CriticBatch, random: torch.Generator) -> Tensor:
        sides = (scored.real_output, scored.fake_output)
        return self.weight * sum((self._excess(o).square() for o in sides), torch.zeros((), device=sides[0].device))

    def _excess(self, output: Tensor) -> Tensor:
        centred = output - distributed.mean(output.mean())
        return (distributed.mean(centred.square().mean()) - self.limit).clamp_min(0)
