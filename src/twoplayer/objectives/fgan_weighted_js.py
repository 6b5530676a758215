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
from twoplayer.objectives._divergence import Divergence, alpha_function
from twoplayer.objectives._numerics import log_one_minus_exp, log_softplus, softplus_inverse
from twoplayer.objectives._variational import Variational

__all__ = ["FganWeightedJS"]


class FganWeightedJS(Variational):
    """The f-GAN of the weighted Jensen-Shannon divergence: T = −π log π − log(1 + e^(−V)).

    The divergence is the mutual information, in nats, between a sample and whether it is real, when a share π of all
    samples is real.

    Args:
        weight: π, 0 < π < 1. Default 0.5, the unweighted Jensen-Shannon divergence.
        generator_loss: The generator's loss: ``"alternative"``, −E g_f(V(G(z))) (section 3.2), or ``"minimax"``,
            −E f*(g_f(V(G(z)))). Default ``"alternative"``.

    Raises:
        UserError: If `weight` is out of range.
    """

    threshold = 0.0

    def __init__(
        self, *, weight: OpenShare = 0.5, generator_loss: Literal["alternative", "minimax"] = "alternative"
    ) -> None:
        super().__init__(generator_loss=generator_loss)
        self.weight: float = within(OpenShare, weight=weight)

    @property
    def conjugate_domain(self) -> tuple[float, float]:
        return -math.inf, -self.weight * math.log(self.weight)

    def f(self, u: Tensor) -> Tensor:
        mixture = 1 - self.weight + self.weight * u
        return self.weight * torch.xlogy(u, u) - mixture * mixture.log()  # table 6, f

    def conjugate(self, t: Tensor) -> Tensor:
        fake_weight = 1 - self.weight
        return fake_weight * (math.log(fake_weight) - (1 - self.weight * (t / self.weight).exp()).log())

    def activation(self, v: Tensor) -> Tensor:
        return -self.weight * math.log(self.weight) - softplus(-v)  # section 2.3, output activation

    def conjugate_of_activation(self, v: Tensor) -> Tensor:
        """πe^(T/π) is e^(−s/π) with s = log(1 + e^(−V))."""
        fake_weight = 1 - self.weight
        return fake_weight * (math.log(fake_weight) - log_one_minus_exp(log_softplus(-v) - math.log(self.weight)))

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
    def alternative_divergence(self) -> Divergence:
        reverse, odds = alpha_function(0), self.weight / (1 - self.weight)
        return Divergence(
            "reverse Kullback-Leibler less weighted Jensen-Shannon",
            f"{self.weight:g}·KL(q‖p) − {odds:g}·JSD of weight {self.weight:g}",
            lambda u: self.weight * reverse(u) - odds * self.f(u),
        )
