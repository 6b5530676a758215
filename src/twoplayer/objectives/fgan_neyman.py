"""f-GAN, Neyman χ²: f(u) = (1 − u)²/u.

Source: Nowozin et al. 2016, "f-GAN", table 6, with the sign of V turned so that a larger V means more real.
"""

from __future__ import annotations

import math

from torch import Tensor

from twoplayer.objectives._divergence import Divergence, alpha_function
from twoplayer.objectives._numerics import safe_exp
from twoplayer.objectives._variational import Variational

__all__ = ["FganNeyman"]


class FganNeyman(Variational):
    """The f-GAN of Neyman's χ²: f*(t) = 2 − 2√(1 − t) for t < 1, T = 1 − e^(−V), optimal at V = 2 log p/q.

    Args:
        generator_loss: The generator's loss: ``"alternative"``, −E g_f(V(G(z))) (section 3.2), or ``"minimax"``,
            −E f*(g_f(V(G(z)))). Default ``"alternative"``.
    """

    conjugate_domain = (-math.inf, 1.0)
    threshold = 0.0

    def f(self, u: Tensor) -> Tensor:
        return (1 - u).square() / u  # table 6, f

    def conjugate(self, t: Tensor) -> Tensor:
        return 2 - 2 * (1 - t).sqrt()  # table 6, f*

    def activation(self, v: Tensor) -> Tensor:
        return 1 - safe_exp(-v)  # section 2.3, output activation

    def conjugate_of_activation(self, v: Tensor) -> Tensor:
        return 2 - 2 * safe_exp(-v / 2)

    def optimal_output(self, log_ratio: Tensor) -> Tensor:
        return 2 * log_ratio

    @property
    def divergence(self) -> Divergence:
        return Divergence("Neyman χ²", "∫ (p − q)²/p", self.f, "1")

    @property
    def alternative_divergence(self) -> Divergence:
        f = alpha_function(-2)
        return Divergence("twice the α-divergence of order −2", "⅓ (∫ q³/p² − 1)", lambda u: 2 * f(u), "1")
