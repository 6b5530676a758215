"""R2: zero-centred gradient penalty on generated samples.

Source: Mescheder et al. 2018, "Which Training Methods for GANs do actually Converge?", eq. 10.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from twoplayer.core.ranges import NonNegative
from twoplayer.regularizers._base import CriticBatch, Penalty, input_gradient

__all__ = ["R2"]


class R2(Penalty):
    """(γ/2) E‖∇D(G(z))‖², the gradient taken in sample space."""

    needs_input_gradient: ClassVar[bool] = True

    def __init__(self, *, gamma: NonNegative = 10.0) -> None:
        self.gamma = gamma

    def penalty(self, critic: nn.Module, scored: CriticBatch, random: torch.Generator) -> Tensor:
        gradient = input_gradient(scored.fake_output, scored.fake)
        return self.gamma / 2 * gradient.square().sum(1).mean()
