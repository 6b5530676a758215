"""f-GAN, Jeffrey: f(u) = (u − 1) log u, the sum of Kullback-Leibler both ways.

Source: Nowozin et al. 2016, "f-GAN", table 6.
"""

from __future__ import annotations

import math

from torch import Tensor

from twoplayer.objectives._divergence import Divergence, alpha_function
from twoplayer.objectives._numerics import safe_exp
from twoplayer.objectives._omega import log_omega
from twoplayer.objectives._variational import Variational

__all__ = ["FganJeffrey"]


class FganJeffrey(Variational):
    """The f-GAN of Jeffrey's divergence: f*(t) = W + 1/W + t − 2 with W = LambertW(e^(1 − t)), T = V.

    The optimal output is V = 1 + log p/q − q/p.

    Args:
        generator_loss: The generator's loss: ``"alternative"``, −E g_f(V(G(z))) (section 3.2), or ``"minimax"``,
            −E f*(g_f(V(G(z)))). Default ``"alternative"``.
    """

    conjugate_domain = (-math.inf, math.inf)
    threshold = 0.0

    def f(self, u: Tensor) -> Tensor:
        return (u - 1) * u.log()  # table 6, f

    def conjugate(self, t: Tensor) -> Tensor:
        log_w = log_omega(1 - t)  # e^(1 − t) itself would overflow
        return safe_exp(log_w) + safe_exp(-log_w) + t - 2

    def activation(self, v: Tensor) -> Tensor:
        return v  # section 2.3, output activation

    def conjugate_of_activation(self, v: Tensor) -> Tensor:
        return self.conjugate(v)

    def optimal_output(self, log_ratio: Tensor) -> Tensor:
        return log_ratio - (-log_ratio).expm1()

    @property
    def divergence(self) -> Divergence:
        return Divergence("Jeffrey", "KL(p‖q) + KL(q‖p) = ∫ (p − q) log(p/q)", self.f)

    @property
    def alternative_divergence(self) -> Divergence:
        reverse, half_neyman = alpha_function(0), alpha_function(-1)
        formula = "KL(q‖p) + ½ ∫ (p − q)²/p"
        name = "reverse Kullback-Leibler plus half Neyman χ²"
        return Divergence(name, formula, lambda u: reverse(u) + half_neyman(u))
