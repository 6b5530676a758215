"""R2: zero-centred gradient penalty on generated samples.

Source: Mescheder et al. 2018, "Which Training Methods for GANs do actually Converge?", eq. 10.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from twoplayer.core.ranges import Count, NonNegative, within
from twoplayer.regularizers._base import CriticBatch, Penalty, input_gradient

__all__ = ["R2"]


class R2(Penalty):
    """(γ/2) E‖∇D(G(z))‖², the gradient taken in sample space.

    Args:
        gamma: γ, at least 0.
        every: the penalty acts in every k-th step only, in an optimizer step of its own and k times as large, with the
            optimizer's learning rate and decay rates corrected (Karras et al. 2020, StyleGAN2, appendix B). At least 1.
    """

    needs_input_gradient: ClassVar[bool] = True
    schedulable: ClassVar[frozenset[str]] = frozenset({"gamma"})

    def __init__(self, *, gamma: NonNegative = 10.0, every: Count = 1) -> None:
        self.every = within(Count, every=every)
        self.gamma = gamma

    def penalty(self, critic: nn.Module, scored: CriticBatch, random: torch.Generator) -> Tensor:
        gradient = input_gradient(scored.fake_output, scored.fake)
        return self.gamma / 2 * gradient.square().sum(1).mean()
