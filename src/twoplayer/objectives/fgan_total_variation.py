"""f-GAN, total variation: f(u) = ½ |u − 1|.

Source: Nowozin et al. 2016, "f-GAN", table 6.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from twoplayer.objectives._divergence import TOTAL_VARIATION, Divergence, total_variation
from twoplayer.objectives._variational import Variational

__all__ = ["FganTotalVariation"]


class FganTotalVariation(Variational):
    """The f-GAN of the total variation distance: f*(t) = t for |t| <= ½, T = ½ tanh V, optimal at T = ±½.

    The optimal V is infinite wherever p and q differ.

    Args:
        generator_loss: The generator's loss: ``"alternative"``, −E g_f(V(G(z))) (section 3.2), or ``"minimax"``,
            −E f*(g_f(V(G(z)))). Default ``"alternative"``.
    """

    conjugate_domain = (-0.5, 0.5)
    threshold = 0.0

    def f(self, u: Tensor) -> Tensor:
        return total_variation(u)  # table 6, f

    def conjugate(self, t: Tensor) -> Tensor:
        return t  # table 6, f*

    def activation(self, v: Tensor) -> Tensor:
        return v.tanh() / 2  # section 2.3, output activation

    def conjugate_of_activation(self, v: Tensor) -> Tensor:
        return v.tanh() / 2

    def optimal_output(self, log_ratio: Tensor) -> Tensor:
        return torch.where(log_ratio == 0, log_ratio, log_ratio.sign() * math.inf)

    @property
    def divergence(self) -> Divergence:
        return TOTAL_VARIATION

    @property
    def alternative_divergence(self) -> Divergence:
        return self.divergence  # f* is the identity, so that both losses are one
