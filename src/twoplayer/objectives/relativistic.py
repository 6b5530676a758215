"""Relativistic: how much more real is the real sample than the fake one, in pairs or against the average.

Source: Jolicoeur-Martineau 2018, "The relativistic discriminator", eq. 4 to 8; Huang et al. 2024, "The GAN is
dead; long live the GAN!", eq. 2 (the paired form).
"""

from __future__ import annotations

import math
from typing import ClassVar, Literal

from torch import Tensor
from torch.nn.functional import softplus

from twoplayer.core import distributed
from twoplayer.core.errors import UserError
from twoplayer.objectives._base import Objective, Weights
from twoplayer.objectives._divergence import Divergence
from twoplayer.objectives._numerics import average, precise

__all__ = ["Relativistic"]


class Relativistic(Objective):
    """Both players see only differences of critic outputs; the generator's loss mirrors the critic's.

    `against` is ``"pair"`` (RpGAN, softplus(−(D(x) − D(G(z)))) over matched rows) or ``"average"`` (RaGAN, each
    output against the mean output of the other side, averaged over all processes).

    In pairs the critic regresses whether (x, y) came from p⊗q or from q⊗p, by the log-odds D(x) − D(y): the best
    D is log p/q up to a constant.
    """

    pairs: ClassVar[bool] = True

    def __init__(self, *, against: Literal["pair", "average"] = "pair") -> None:
        super().__init__()
        self.against = against
        self.pointwise = against == "pair"

    def critic_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        return _preference(self.against, precise(real), precise(fake))

    def generator_loss(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        if real is None:
            raise TypeError("the relativistic generator's loss needs the critic's outputs on real samples")
        return _preference(self.against, precise(fake), precise(real))

    @property
    def divergence(self) -> Divergence:
        if self.against == "pair":
            return Divergence("Jensen-Shannon between ordered pairs", "JSD(p⊗q‖q⊗p)")
        return Divergence("relativistic average", "RaD = sup over D of log 2 − L/2, L the critic's loss (eq. 7)")

    @property
    def followed(self) -> Divergence:
        """From softplus(d) = d + softplus(−d): the mirrored loss is the critic's plus a difference of means."""
        if self.against == "pair":
            formula = "KL(q‖p) − JSD(p⊗q‖q⊗p)"
            return Divergence("reverse Kullback-Leibler less Jensen-Shannon between ordered pairs", formula)
        formula = "2·(E_p D* − E_q D*) − 2·RaD, with D* held fixed in the first term"
        return Divergence("a difference of means less twice the relativistic average", formula)

    def optimal_output(self, log_ratio: Tensor) -> Tensor:
        if self.pointwise:
            return log_ratio
        raise UserError(
            "the optimal relativistic average critic depends on its own mean outputs, not on the density ratio "
            "alone: take against pair, whose optimum is the log ratio"
        )

    def estimate(self, real: Tensor, fake: Tensor, weights: Weights | None = None) -> Tensor:
        """In pairs log 2 − E softplus(D(y) − D(x)) over all N·M pairs; against the average log 2 − L/2."""
        real, fake = precise(real), precise(fake)
        on_real, on_fake = weights or (None, None)
        if self.against == "pair":
            every = softplus(fake - real[:, None])
            return math.log(2) - average(average(every, on_fake), on_real)
        return math.log(2) - _against_average(real, fake, on_real, on_fake) / 2


def _preference(against: str, preferred: Tensor, other: Tensor) -> Tensor:
    if against == "pair":
        return average(softplus(other - preferred))
    return _against_average(preferred, other)


def _against_average(
    preferred: Tensor, other: Tensor, on_preferred: Tensor | None = None, on_other: Tensor | None = None
) -> Tensor:
    above = softplus(distributed.mean(average(other, on_other)) - preferred)
    below = softplus(other - distributed.mean(average(preferred, on_preferred)))
    return average(above, on_preferred) + average(below, on_other)
