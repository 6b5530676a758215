"""f-GAN, GAN: f(u) = u log u − (u + 1) log(u + 1), the value of the original game.

Source: Nowozin et al. 2016, "f-GAN", table 6.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import softplus

from twoplayer.objectives._divergence import REVERSE_LESS_TWICE_JENSEN_SHANNON, Divergence
from twoplayer.objectives._variational import Variational

__all__ = ["FganGAN"]


class FganGAN(Variational):
    """The f-GAN of the original game: f*(t) = −log(1 − e^t) for t < 0, T = log σ(V), optimal at V = log p/q.

    The divergence 2·JSD − log 4 is minimal where p = q, and −log 4 there. The critic's loss is that of `minimax`; the
    two generator losses are those of `non-saturating` (``"alternative"``) and `minimax` (``"minimax"``).

    Args:
        generator_loss: The generator's loss: ``"alternative"``, −E g_f(V(G(z))) (section 3.2), or ``"minimax"``,
            −E f*(g_f(V(G(z)))). Default ``"alternative"``.
    """

    conjugate_domain = (-math.inf, 0.0)
    threshold = -math.log(2)

    def f(self, u: Tensor) -> Tensor:
        return torch.xlogy(u, u) - (u + 1) * (u + 1).log()  # table 6, f

    def conjugate(self, t: Tensor) -> Tensor:
        return -(-t.expm1()).log()  # table 6, f*

    def activation(self, v: Tensor) -> Tensor:
        return -softplus(-v)  # section 2.3, output activation

    def conjugate_of_activation(self, v: Tensor) -> Tensor:
        return softplus(v)

    def optimal_output(self, log_ratio: Tensor) -> Tensor:
        return log_ratio

    @property
    def divergence(self) -> Divergence:
        return Divergence("twice Jensen-Shannon less log 4", "2·JSD − log 4", self.f)

    @property
    def alternative_divergence(self) -> Divergence:
        return REVERSE_LESS_TWICE_JENSEN_SHANNON
