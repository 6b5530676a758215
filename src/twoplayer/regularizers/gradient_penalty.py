"""Gradient penalty: the critic's slope is drawn to 1 on lines between real and generated samples.

Source: Gulrajani et al. 2017, "Improved Training of Wasserstein GANs", eq. 3.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from twoplayer.core.ranges import Count, NonNegative, within
from twoplayer.core.rng import uniform_rows
from twoplayer.regularizers._base import CriticBatch, Penalty, input_gradient

__all__ = ["GradientPenalty"]


class GradientPenalty(Penalty):
    """λ E(‖∇D(x̂)‖ − target)², x̂ uniform on the line from a generated to a real sample.

    Args:
        weight: λ, at least 0.
        target: the norm that gradients are drawn to, at least 0.
        one_sided: whether only norms above the target are penalized (section 4 of the paper).
        every: the penalty acts in every k-th step only, in an optimizer step of its own and k times as large, with the
            optimizer's learning rate and decay rates corrected (Karras et al. 2020, StyleGAN2, appendix B). At least 1.
    """

    fights_batch_statistics: ClassVar[bool] = True
    schedulable: ClassVar[frozenset[str]] = frozenset({"weight"})

    def __init__(
        self, *, weight: NonNegative = 10.0, target: NonNegative = 1.0, one_sided: bool = False, every: Count = 1
    ) -> None:
        self.every = within(Count, every=every)
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
