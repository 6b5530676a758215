"""f-GAN, reverse Kullback-Leibler: f(u) = −log u.

Source: Nowozin et al. 2016, "f-GAN", table 6, with the sign of V turned so that a larger V means more real.
"""

from __future__ import annotations

import math

from torch import Tensor

from twoplayer.objectives._divergence import Divergence, alpha_function
from twoplayer.objectives._numerics import safe_exp
from twoplayer.objectives._variational import Variational

__all__ = ["FganReverseKL"]


class FganReverseKL(Variational):
    """The f-GAN of the reverse Kullback-Leibler divergence: f*(t) = −1 − log(−t) for t < 0, T = −e^(−V).

    The optimal output is V = log p/q; f*(T) = V − 1.

    Args:
        generator_loss: The generator's loss: ``"alternative"``, −E g_f(V(G(z))) (section 3.2), or ``"minimax"``,
            −E f*(g_f(V(G(z)))). Default ``"alternative"``.
    """

    conjugate_domain = (-math.inf, 0.0)
    threshold = -1.0

    def f(self, u: Tensor) -> Tensor:
        return -u.log()  # table 6, f

    def conjugate(self, t: Tensor) -> Tensor:
        return -1 - (-t).log()  # table 6, f*

    def activation(self, v: Tensor) -> Tensor:
        return -safe_exp(-v)  # section 2.3, output activation

    def conjugate_of_activation(self, v: Tensor) -> Tensor:
        return v - 1

    def optimal_output(self, log_ratio: Tensor) -> Tensor:
        return log_ratio

    @property
    def divergence(self) -> Divergence:
        return Divergence("reverse Kullback-Leibler", "KL(q‖p) = ∫ q log(q/p)", self.f)

    @property
    def alternative_divergence(self) -> Divergence:
        return Divergence("half Neyman χ²", "½ ∫ (p − q)²/p", alpha_function(-1), "1")
