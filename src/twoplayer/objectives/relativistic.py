"""Relativistic: losses on differences of critic outputs between real and generated samples, in pairs or to the mean.

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
from twoplayer.objectives._base import Objective, SampleWeights
from twoplayer.objectives._divergence import Divergence
from twoplayer.objectives._numerics import checked_outputs, weighted_mean

__all__ = ["Relativistic"]


class Relativistic(Objective):
    """Logistic losses on differences of critic outputs; the generator's is the critic's with the sides exchanged.

    In pairs the critic is a logistic regression of whether (x, y) was drawn from p⊗q or from q⊗p, with log-odds
    D(x) − D(y): the optimal D is log p/q up to a constant.

    Args:
        relative_to: ``"pair"`` (RpGAN, E softplus(D(G(z)) − D(x)) over matched rows) or ``"average"`` (RaGAN, each
            output relative to the mean output of the other side; with several processes the mean over all of them).
            Default ``"pair"``.

    >>> import torch
    >>> Relativistic().critic_loss(real=torch.tensor([1.0]), fake=torch.tensor([1.0]))  # log 2
    tensor(0.6931)
    """

    uses_real_outputs: ClassVar[bool] = True

    def __init__(self, *, relative_to: Literal["pair", "average"] = "pair") -> None:
        super().__init__()
        self.relative_to = relative_to
        self.pointwise = relative_to == "pair"

    def critic_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        return _preference(self.relative_to, checked_outputs(real), checked_outputs(fake))

    def generator_loss(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        if real is None:
            raise TypeError("the relativistic generator's loss needs the critic's outputs on real samples")
        return _preference(self.relative_to, checked_outputs(fake), checked_outputs(real))

    @property
    def divergence(self) -> Divergence:
        if self.relative_to == "pair":
            return Divergence("Jensen-Shannon between ordered pairs", "JSD(p⊗q‖q⊗p)")
        return Divergence("relativistic average", "RaD = sup over D of log 2 − L/2, L the critic's loss (eq. 7)")

    @property
    def generator_divergence(self) -> Divergence:
        """From softplus(d) = d + softplus(−d): the mirrored loss is the critic's plus a difference of means."""
        if self.relative_to == "pair":
            formula = "KL(q‖p) − JSD(p⊗q‖q⊗p)"
            return Divergence("reverse Kullback-Leibler less Jensen-Shannon between ordered pairs", formula)
        formula = "2·(E_p D* − E_q D*) − 2·RaD, with D* held fixed in the first term"
        return Divergence("a difference of means less twice the relativistic average", formula)

    def optimal_output(self, log_ratio: Tensor) -> Tensor:
        if self.pointwise:
            return log_ratio
        raise UserError(
            "the optimal relativistic average critic depends on its own mean outputs, not on the density ratio "
            "alone: set relative_to to pair, whose optimum is the log ratio"
        )

    def estimate(self, real: Tensor, fake: Tensor, weights: SampleWeights | None = None) -> Tensor:
        """In pairs log 2 − E softplus(D(y) − D(x)) over all N·M pairs; relative to the average log 2 − L/2."""
        real, fake = checked_outputs(real), checked_outputs(fake)
        real_weights, fake_weights = weights or (None, None)
        if self.relative_to == "pair":
            pairwise = softplus(fake - real[:, None])
            return math.log(2) - weighted_mean(weighted_mean(pairwise, fake_weights), real_weights)
        return math.log(2) - _against_average(real, fake, real_weights, fake_weights) / 2


def _preference(relative_to: str, preferred: Tensor, other: Tensor) -> Tensor:
    """The loss of a critic that should output more on `preferred` rows than on `other` rows."""
    if relative_to == "pair":
        return weighted_mean(softplus(other - preferred))  # Jolicoeur-Martineau 2018, eq. 4; Huang et al. 2024, eq. 2
    return _against_average(preferred, other)


def _against_average(
    preferred: Tensor,
    other: Tensor,
    preferred_weights: Tensor | None = None,
    other_weights: Tensor | None = None,
) -> Tensor:
    """Jolicoeur-Martineau 2018, eq. 7, with logistic losses."""
    preferred_loss = softplus(distributed.mean(weighted_mean(other, other_weights)) - preferred)
    other_loss = softplus(other - distributed.mean(weighted_mean(preferred, preferred_weights)))
    return weighted_mean(preferred_loss, preferred_weights) + weighted_mean(other_loss, other_weights)
