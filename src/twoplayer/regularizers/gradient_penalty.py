"""Gradient penalty: the critic's slope is drawn to 1 on lines between real and generated samples.

Source: Gulrajani et al. 2017, "Improved Training of Wasserstein GANs", eq. 3.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from twoplayer.core.ranges import NonNegative
from twoplayer.core.rng import uniform_rows
from twoplayer.regularizers._base import CriticBatch, Penalty, input_gradient

__all__ = ["GradientPenalty"]


class GradientPenalty(Penalty):
    """λ E(‖∇D(x̂)‖ − target)², x̂ uniform on the line from a generated to a real sample.

    `one_sided` punishes only slopes above the target (section 4 of the paper).
    """

    fights_batch_statistics: ClassVar[bool] = True

    def __init__(self, *, weight: NonNegative = 10.0, target: NonNegative = 1.0, one_sided: bool = False) -> None:
        self.weight, self.target, self.one_sided = weight, target, one_sided

    def penalty(self, critic: nn.Module, scored: CriticBatch, random: torch.Generator) -> Tensor:
        share = uniform_rows((len(scored.real),) + (1,) * (scored.real.dim() - 1), random)
        between = torch.lerp(scored.fake, scored.real.detach(), share.to(scored.real)).requires_grad_()
        slope = torch.linalg.vector_norm(input_gradient(critic(between), between), dim=1)
        excess = slope - self.target
        if self.one_sided:
            excess = excess.clamp_min(0)
        penalty: Tensor = self.weight * excess.square().mean()
        return penalty
