"""Hinge: the critic stops caring once real and fake are a margin apart.

Source: Lim and Ye 2017, "Geometric GAN"; Miyato et al. 2018, "Spectral Normalization for GANs", eq. 16 and 17.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import relu

from twoplayer.objectives._base import Objective

__all__ = ["Hinge"]


class Hinge(Objective):
    """E max(0, 1 − D(x)) + E max(0, 1 + D(G(z))) for the critic, −E D(G(z)) for the generator."""

    def critic_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        return relu(1 - real).mean() + relu(1 + fake).mean()

    def generator_loss(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        return -fake.mean()
