"""f-GAN, Kullback-Leibler: f(u) = u log u.

Source: Nowozin et al. 2016, "f-GAN", table 6.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from twoplayer.objectives._divergence import Divergence, power
from twoplayer.objectives._numerics import tame_exp
from twoplayer.objectives._variational import Variational

__all__ = ["FganKL"]


class FganKL(Variational):
    """f*(t) = e^(t − 1), T = V, optimal at 1 + log p/q: the threshold is 1, not 0.

    Its minimum over models is maximum likelihood: KL(p‖q) = −H(p) − E_p log q.
    """

    domain = (-math.inf, math.inf)
    threshold = 1.0

    def f(self, u: Tensor) -> Tensor:
        return torch.xlogy(u, u)

    def conjugate(self, t: Tensor) -> Tensor:
        return (t - 1).exp()

    def activation(self, v: Tensor) -> Tensor:
        return v

    def conjugate_of_activation(self, v: Tensor) -> Tensor:
        return tame_exp(v - 1)

    def optimal_output(self, log_ratio: Tensor) -> Tensor:
        return 1 + log_ratio

    @property
    def divergence(self) -> Divergence:
        return Divergence("Kullback-Leibler", "KL(p‖q) = ∫ p log(p/q)", self.f)

    @property
    def alternative(self) -> Divergence:
        return Divergence("reverse Kullback-Leibler", "KL(q‖p)", power(0))
