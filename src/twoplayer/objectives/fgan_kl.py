"""f-GAN, Kullback-Leibler: f(u) = u log u.

Source: Nowozin et al. 2016, "f-GAN", table 6.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from twoplayer.objectives._divergence import Divergence, alpha_function
from twoplayer.objectives._numerics import safe_exp
from twoplayer.objectives._variational import Variational

__all__ = ["FganKL"]


class FganKL(Variational):
    """The f-GAN of the Kullback-Leibler divergence: f*(t) = e^(t − 1), T = V, optimal at V = 1 + log p/q.

    Minimizing it over models is maximum likelihood: KL(p‖q) = −H(p) − E_p log q. The threshold is 1, not 0: a critic
    that cannot distinguish the two sides returns 1.

    Args:
        generator_loss: The generator's loss: ``"alternative"``, −E g_f(V(G(z))) (section 3.2), or ``"minimax"``,
            −E f*(g_f(V(G(z)))). Default ``"alternative"``.
    """

    conjugate_domain = (-math.inf, math.inf)
    threshold = 1.0

    def f(self, u: Tensor) -> Tensor:
        return torch.xlogy(u, u)  # table 6, f

    def conjugate(self, t: Tensor) -> Tensor:
        return (t - 1).exp()  # table 6, f*

    def activation(self, v: Tensor) -> Tensor:
        return v  # section 2.3, output activation

    def conjugate_of_activation(self, v: Tensor) -> Tensor:
        return safe_exp(v - 1)

    def optimal_output(self, log_ratio: Tensor) -> Tensor:
        return 1 + log_ratio

    @property
    def divergence(self) -> Divergence:
        return Divergence("Kullback-Leibler", "KL(p‖q) = ∫ p log(p/q)", self.f)

    @property
    def alternative_divergence(self) -> Divergence:
        return Divergence("reverse Kullback-Leibler", "KL(q‖p)", alpha_function(0))
