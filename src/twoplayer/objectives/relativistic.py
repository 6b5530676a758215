"""Relativistic: how much more real is the real sample than the fake one, in pairs or against the average.

Source: Jolicoeur-Martineau 2018, "The relativistic discriminator", eq. 4 to 8; Huang et al. 2024, "The GAN is
dead; long live the GAN!", eq. 2 (the paired form).
"""

from __future__ import annotations

from typing import ClassVar, Literal

from torch import Tensor
from torch.nn.functional import softplus

from twoplayer import parallel
from twoplayer.objectives._base import Objective

__all__ = ["Relativistic"]


class Relativistic(Objective):
    """Both players see only differences of critic outputs; the generator's loss mirrors the critic's.

    `against` is ``"pair"`` (RpGAN, softplus(−(D(x) − D(G(z)))) over matched rows) or ``"average"`` (RaGAN, each
    output against the mean output of the other side, averaged over all processes).
    """

    pairs: ClassVar[bool] = True

    def __init__(self, *, against: Literal["pair", "average"] = "pair") -> None:
        super().__init__()
        self.against = against

    def critic_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        return self._preference(real, fake)

    def generator_loss(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        if real is None:
            raise TypeError("the relativistic generator's loss needs the critic's outputs on real samples")
        return self._preference(fake, real)

    def _preference(self, preferred: Tensor, other: Tensor) -> Tensor:
        if self.against == "pair":
            return softplus(other - preferred).mean()
        above = softplus(parallel.mean(other.mean()) - preferred).mean()
        below = softplus(other - parallel.mean(preferred.mean())).mean()
        return above + below
