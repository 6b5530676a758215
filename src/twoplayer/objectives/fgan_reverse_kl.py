"""f-GAN, reverse Kullback-Leibler: f(u) = −log u.

Source: Nowozin et al. 2016, "f-GAN", table 6, with the sign of V turned so that a larger V means more real.
"""

from __future__ import annotations

import math

from torch import Tensor

from twoplayer.objectives._divergence import Divergence, power
from twoplayer.objectives._numerics import tame_exp
from twoplayer.objectives._variational import Variational

__all__ = ["FganReverseKL"]


class FganReverseKL(Variational):
    """f*(t) = −1 − log(−t) for t < 0, T = −e^(−V), optimal at V = log p/q, where f*(T) = V − 1."""

    domain = (-math.inf, 0.0)
    threshold = -1.0

    def f(self, u: Tensor) -> Tensor:
        return -u.log()

    def conjugate(self, t: Tensor) -> Tensor:
        return -1 - (-t).log()

    def activation(self, v: Tensor) -> Tensor:
        return -tame_exp(-v)

    def conjugate_of_activation(self, v: Tensor) -> Tensor:
        return v - 1

    def optimal_output(self, log_ratio: Tensor) -> Tensor:
        return log_ratio

    @property
    def divergence(self) -> Divergence:
        return Divergence("reverse Kullback-Leibler", "KL(q‖p) = ∫ q log(q/p)", self.f)

    @property
    def alternative(self) -> Divergence:
        return Divergence("half Neyman χ²", "½ ∫ (p − q)²/p", power(-1), "1")
