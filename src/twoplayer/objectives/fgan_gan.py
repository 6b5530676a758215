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
    """f*(t) = −log(1 − e^t) for t < 0, T = log σ(V), optimal at V = log p/q; least where p = q, and −log 4 there.

    Its critic is that of `minimax`, and its two generator losses are those of `non-saturating` and `minimax`.
    """

    domain = (-math.inf, 0.0)
    threshold = -math.log(2)

    def f(self, u: Tensor) -> Tensor:
        return torch.xlogy(u, u) - (u + 1) * (u + 1).log()

    def conjugate(self, t: Tensor) -> Tensor:
        return -(-t.expm1()).log()

    def activation(self, v: Tensor) -> Tensor:
        return -softplus(-v)

    def conjugate_of_activation(self, v: Tensor) -> Tensor:
        return softplus(v)

    def optimal_output(self, log_ratio: Tensor) -> Tensor:
        return log_ratio

    @property
    def divergence(self) -> Divergence:
        return Divergence("twice Jensen-Shannon less log 4", "2·JSD − log 4", self.f)

    @property
    def alternative(self) -> Divergence:
        return REVERSE_LESS_TWICE_JENSEN_SHANNON
