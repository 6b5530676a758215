"""f-GAN, weighted Jensen-Shannon: f(u) = πu log u − (1 − π + πu) log(1 − π + πu).

Source: Nowozin et al. 2016, "f-GAN", table 6.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import softplus

from twoplayer.core.ranges import OpenShare, within
from twoplayer.objectives._divergence import Divergence, power
from twoplayer.objectives._numerics import log_one_minus_exp, log_softplus, softplus_inverse
from twoplayer.objectives._variational import Variational

__all__ = ["FganWeightedJS"]


class FganWeightedJS(Variational):
    """T = −π log π − log(1 + e^(−V)), with the paper's π as `weight`: 0 < weight < 1, where ½ is Jensen-Shannon.

    It is the information, in nats, that a sample carries about its side when a share π of all samples is real.
    Raises `UserError` for a weight out of range.
    """

    threshold = 0.0

    def __init__(
        self, *, weight: OpenShare = 0.5, generator: Literal["alternative", "minimax"] = "alternative"
    ) -> None:
        super().__init__(generator=generator)
        self.weight: float = within(OpenShare, weight=weight)

    @property
    def domain(self) -> tuple[float, float]:
        return -math.inf, -self.weight * math.log(self.weight)

    def f(self, u: Tensor) -> Tensor:
        mixed = 1 - self.weight + self.weight * u
        return self.weight * torch.xlogy(u, u) - mixed * mixed.log()

    def conjugate(self, t: Tensor) -> Tensor:
        fakes = 1 - self.weight
        return fakes * (math.log(fakes) - (1 - self.weight * (t / self.weight).exp()).log())

    def activation(self, v: Tensor) -> Tensor:
        return -self.weight * math.log(self.weight) - softplus(-v)

    def conjugate_of_activation(self, v: Tensor) -> Tensor:
        """πe^(T/π) is e^(−s/π) with s = log(1 + e^(−V))."""
        fakes = 1 - self.weight
        return fakes * (math.log(fakes) - log_one_minus_exp(log_softplus(-v) - math.log(self.weight)))

    def optimal_output(self, log_ratio: Tensor) -> Tensor:
        """f′(u) = π log(u/(1 − π + πu)), so that s = π log(1 + (1 − π)/(πu))."""
        odds = math.log1p(-self.weight) - math.log(self.weight)
        return -softplus_inverse(math.log(self.weight) + log_softplus(odds - log_ratio))

    @property
    def divergence(self) -> Divergence:
        formula = (
            f"{self.weight:g}·KL(p‖m) + {1 - self.weight:g}·KL(q‖m), m = {self.weight:g}·p + {1 - self.weight:g}·q"
        )
        return Divergence("weighted Jensen-Shannon", formula, self.f)

    @property
    def alternative(self) -> Divergence:
        reverse, odds = power(0), self.weight / (1 - self.weight)
        return Divergence(
            "reverse Kullback-Leibler less weighted Jensen-Shannon",
            f"{self.weight:g}·KL(q‖p) − {odds:g}·JSD of weight {self.weight:g}",
            lambda u: self.weight * reverse(u) - odds * self.f(u),
        )
