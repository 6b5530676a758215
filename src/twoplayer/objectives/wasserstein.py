"""Wasserstein: the critic estimates the earth mover distance through its Kantorovich dual.

Source: Arjovsky et al. 2017, "Wasserstein GAN", eq. 3 and Algorithm 1.
"""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from twoplayer.objectives._base import Objective

__all__ = ["Wasserstein"]


class Wasserstein(Objective):
    """E D(x) − E D(G(z)), a distance only while something holds the critic Lipschitz (`clip`, `gradient-penalty`)."""

    needs_lipschitz: ClassVar[bool] = True

    def critic_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        return fake.mean() - real.mean()

    def generator_loss(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        return -fake.mean()
