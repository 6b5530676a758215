"""BEGAN: an autoencoding critic whose balance with the generator is held by proportional control.

Source: Berthelot et al. 2017, "BEGAN: Boundary Equilibrium Generative Adversarial Networks", eq. 1 and section 3.4.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import Tensor

from twoplayer.core import distributed
from twoplayer.core.errors import UserError
from twoplayer.core.ranges import NonNegative, Share
from twoplayer.objectives._base import Adaptive, Weights
from twoplayer.objectives._divergence import Divergence
from twoplayer.objectives._numerics import average, precise

__all__ = ["Began"]


class Began(Adaptive):
    """Critic outputs are reconstruction errors ℓ(x); the critic lowers the real ones and raises the fake ones.

    `diversity` is the paper's γ in (0, 1], the wanted ratio E ℓ(G(z)) / E ℓ(x); `rate` is λ_k. The state k_t in
    [0, 1] says how much the critic attends to fakes, and starts at 0.
    """

    critic_output: ClassVar[Literal["score", "energy"]] = "energy"
    pointwise = False
    balance: Tensor

    def __init__(self, *, diversity: Share = 0.5, rate: NonNegative = 0.001) -> None:
        super().__init__()
        self.diversity, self.rate = diversity, rate
        self.register_buffer("balance", torch.zeros(()))

    def critic_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        return average(precise(real)) - self.balance * average(precise(fake))

    def generator_loss(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        return average(precise(fake))

    @torch.no_grad()
    def adapt(self, real: Tensor, fake: Tensor) -> None:
        error = self.diversity * real.mean() - fake.mean()  # γℓ(x) − ℓ(G(z))
        self.balance.add_(self.rate * distributed.mean(error)).clamp_(0, 1)

    @property
    def divergence(self) -> Divergence:
        """Of the errors, not of the samples; reached where the errors of one side lie below those of the other."""
        formula = "W1 between the distributions of ℓ(x) and ℓ(G(z)) >= |E ℓ(x) − E ℓ(G(z))|"
        return Divergence("Wasserstein-1 between reconstruction errors", formula, unit="pixel error")

    @property
    def followed(self) -> Divergence:
        return Divergence("the mean reconstruction error", "E_q ℓ, with ℓ held fixed", unit="pixel error")

    def optimal_output(self, log_ratio: Tensor) -> Tensor:
        raise UserError(
            "BEGAN's critic is an autoencoder, whose best reconstruction error no density ratio determines: "
            "the game rests where E ℓ(G(z)) is diversity times E ℓ(x)"
        )

    def estimate(self, real: Tensor, fake: Tensor, weights: Weights | None = None) -> Tensor:
        """|E ℓ(x) − E ℓ(G(z))| (eq. 1)."""
        on_real, on_fake = weights or (None, None)
        return (average(precise(real), on_real) - average(precise(fake), on_fake)).abs()
