"""f-GAN, squared Hellinger: f(u) = (√u − 1)².

Source: Nowozin et al. 2016, "f-GAN", table 6, with the sign of V turned so that a larger V means more real.
"""

from __future__ import annotations

import math

from torch import Tensor

from twoplayer.objectives._divergence import Divergence, alpha_function
from twoplayer.objectives._numerics import safe_exp
from twoplayer.objectives._variational import Variational

__all__ = ["FganSquaredHellinger"]


class FganSquaredHellinger(Variational):
    """The f-GAN of the squared Hellinger distance, at most 2: f*(t) = t/(1 − t) for t < 1, T = 1 − e^(−V).

    The optimal output is V = ½ log p/q.

    Args:
        generator_loss: The generator's loss: ``"alternative"``, −E g_f(V(G(z))) (section 3.2), or ``"minimax"``,
            −E f*(g_f(V(G(z)))). Default ``"alternative"``.
    """

    conjugate_domain = (-math.inf, 1.0)
    threshold = 0.0

    def f(self, u: Tensor) -> Tensor:
        return (u.sqrt() - 1).square()  # table 6, f

    def conjugate(self, t: Tensor) -> Tensor:
        return t / (1 - t)  # table 6, f*

    def activation(self, v: Tensor) -> Tensor:
        return 1 - safe_exp(-v)  # section 2.3, output activation

    def conjugate_of_activation(self, v: Tensor) -> Tensor:
        return safe_exp(v) - 1

    def optimal_output(self, log_ratio: Tensor) -> Tensor:
        return log_ratio / 2

    @property
    def divergence(self) -> Divergence:
        return Divergence("squared Hellinger", "∫ (√p − √q)²", self.f, "1")

    @property
    def alternative_divergence(self) -> Divergence:
        f = alpha_function(-0.5)
        return Divergence("half the α-divergence of order −½", "⅔ (∫ q √(q/p) − 1)", lambda u: f(u) / 2, "1")
