"""BEGAN: an autoencoding critic whose balance with the generator is held by proportional control.

Source: Berthelot et al. 2017, "BEGAN: Boundary Equilibrium Generative Adversarial Networks", section 3.4.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import Tensor

from twoplayer import parallel
from twoplayer.objectives._base import Adaptive
from twoplayer.ranges import NonNegative, Share

__all__ = ["Began"]


class Began(Adaptive):
    """Critic outputs are reconstruction errors ℓ(x); the critic lowers the real ones and raises the fake ones.

    `diversity` is the paper's γ in (0, 1], the wanted ratio E ℓ(G(z)) / E ℓ(x); `rate` is λ_k. The state k_t in
    [0, 1] says how much the critic attends to fakes, and starts at 0.
    """

    critic_output: ClassVar[Literal["score", "energy"]] = "energy"
    balance: Tensor

    def __init__(self, *, diversity: Share = 0.5, rate: NonNegative = 0.001) -> None:
        super().__init__()
        self.diversity, self.rate = diversity, rate
        self.register_buffer("balance", torch.zeros(()))

    def critic_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        return real.mean() - self.balance * fake.mean()

    def generator_loss(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        return fake.mean()

    @torch.no_grad()
    def adapt(self, real: Tensor, fake: Tensor) -> None:
        error = self.diversity * real.mean() - fake.mean()  # γℓ(x) − ℓ(G(z))
        self.balance.add_(self.rate * parallel.mean(error)).clamp_(0, 1)
