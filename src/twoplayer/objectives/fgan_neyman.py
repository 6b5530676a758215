"""f-GAN, Neyman χ²: f(u) = (1 − u)²/u.

Source: Nowozin et al. 2016, "f-GAN", table 6, with the sign of V turned so that a larger V means more real.
"""

from __future__ import annotations

import math

from torch import Tensor

from twoplayer.objectives._divergence import Divergence, power
from twoplayer.objectives._numerics import tame_exp
from twoplayer.objectives._variational import Variational

__all__ = ["FganNeyman"]


class FganNeyman(Variational):
    """f*(t) = 2 − 2√(1 − t) for t < 1, T = 1 − e^(−V), optimal at V = 2 log p/q."""

    domain = (-math.inf, 1.0)
    threshold = 0.0

    def f(self, u: Tensor) -> Tensor:
        return (1 - u).square() / u

    def conjugate(self, t: Tensor) -> Tensor:
        return 2 - 2 * (1 - t).sqrt()

    def activation(self, v: Tensor) -> Tensor:
        return 1 - tame_exp(-v)

    def conjugate_of_activation(self, v: Tensor) -> Tensor:
        return 2 - 2 * tame_exp(-v / 2)

    def optimal_output(self, log_ratio: Tensor) -> Tensor:
        return 2 * log_ratio

    @property
    def divergence(self) -> Divergence:
        return Divergence("Neyman χ²", "∫ (p − q)²/p", self.f, "1")

    @property
    def alternative(self) -> Divergence:
        f = power(-2)
        return Divergence("twice the α-divergence of order −2", "⅓ (∫ q³/p² − 1)", lambda u: 2 * f(u), "1")
