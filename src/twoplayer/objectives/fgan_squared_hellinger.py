"""f-GAN, squared Hellinger: f(u) = (√u − 1)².

Source: Nowozin et al. 2016, "f-GAN", table 6, with the sign of V turned so that a larger V means more real.
"""

from __future__ import annotations

import math

from torch import Tensor

from twoplayer.objectives._divergence import Divergence, power
from twoplayer.objectives._numerics import tame_exp
from twoplayer.objectives._variational import Variational

__all__ = ["FganSquaredHellinger"]


class FganSquaredHellinger(Variational):
    """f*(t) = t/(1 − t) for t < 1, T = 1 − e^(−V), optimal at V = ½ log p/q; the divergence is at most 2."""

    domain = (-math.inf, 1.0)
    threshold = 0.0

    def f(self, u: Tensor) -> Tensor:
        return (u.sqrt() - 1).square()

    def conjugate(self, t: Tensor) -> Tensor:
        return t / (1 - t)

    def activation(self, v: Tensor) -> Tensor:
        return 1 - tame_exp(-v)

    def conjugate_of_activation(self, v: Tensor) -> Tensor:
        return tame_exp(v) - 1

    def optimal_output(self, log_ratio: Tensor) -> Tensor:
        return log_ratio / 2

    @property
    def divergence(self) -> Divergence:
        return Divergence("squared Hellinger", "∫ (√p − √q)²", self.f, "1")

    @property
    def alternative(self) -> Divergence:
        f = power(-0.5)
        return Divergence("half the α-divergence of order −½", "⅔ (∫ q √(q/p) − 1)", lambda u: f(u) / 2, "1")
