"""f-GAN, Pearson χ²: f(u) = (u − 1)².

Source: Nowozin et al. 2016, "f-GAN", table 6.
"""

from __future__ import annotations

import math

from torch import Tensor

from twoplayer.objectives._divergence import Divergence, alpha_function
from twoplayer.objectives._variational import Variational

__all__ = ["FganPearson"]


class FganPearson(Variational):
    """The f-GAN of Pearson's χ²: f*(t) = t²/4 + t, T = V, optimal at V = 2(p/q − 1).

    f is extended to the whole line, as in the paper. Restricted to u >= 0, f* would be −1 for t < −2: a tighter bound
    whose gradient vanishes there.

    Args:
        generator_loss: The generator's loss: ``"alternative"``, −E g_f(V(G(z))) (section 3.2), or ``"minimax"``,
            −E f*(g_f(V(G(z)))). Default ``"alternative"``.
    """

    conjugate_domain = (-math.inf, math.inf)
    threshold = 0.0

    def f(self, u: Tensor) -> Tensor:
        return (u - 1).square()  # table 6, f

    def conjugate(self, t: Tensor) -> Tensor:
        return t.square() / 4 + t  # table 6, f*

    def activation(self, v: Tensor) -> Tensor:
        return v  # section 2.3, output activation

    def conjugate_of_activation(self, v: Tensor) -> Tensor:
        return self.conjugate(v)

    def optimal_output(self, log_ratio: Tensor) -> Tensor:
        return 2 * log_ratio.expm1()

    @property
    def divergence(self) -> Divergence:
        return Divergence("Pearson χ²", "∫ (p − q)²/q", self.f, "1")

    @property
    def alternative_divergence(self) -> Divergence:
        forward = alpha_function(1)
        return Divergence("twice Kullback-Leibler", "2 KL(p‖q)", lambda u: 2 * forward(u))
