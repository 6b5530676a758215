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
from twoplayer.objectives._base import AdaptiveObjective, SampleWeights
from twoplayer.objectives._divergence import Divergence
from twoplayer.objectives._numerics import checked_outputs, weighted_mean

__all__ = ["Began"]


class Began(AdaptiveObjective):
    """Boundary equilibrium GAN: critic outputs are reconstruction errors ℓ, lowered on real, raised on fake samples.

    The critic's loss is E ℓ(x) − k_t E ℓ(G(z)), the generator's E ℓ(G(z)) (section 3.4). After each step
    k_{t+1} = k_t + λ_k (γ E ℓ(x) − E ℓ(G(z))), clamped to [0, 1], with k_0 = 0, is the buffer `balance`: the weight of
    generated samples in the critic's loss.

    Args:
        diversity_ratio: γ, the diversity ratio E ℓ(G(z)) / E ℓ(x) at equilibrium (section 3.3), 0 < γ <= 1. Lower
            values favour image quality over diversity. Default 0.5.
        proportional_gain: λ_k, the proportional gain of k_t, at least 0. Default 0.001, the paper's.

    >>> import torch
    >>> began = Began(diversity_ratio=0.5, proportional_gain=0.1)
    >>> began.adapt(real=torch.tensor([4.0]), fake=torch.tensor([1.0]))
    >>> began.balance  # 0.1 · (0.5 · 4 − 1)
    tensor(0.1000)
    """

    critic_output: ClassVar[Literal["score", "energy"]] = "energy"
    pointwise: bool = False
    balance: Tensor

    def __init__(self, *, diversity_ratio: Share = 0.5, proportional_gain: NonNegative = 0.001) -> None:
        super().__init__()
        self.diversity_ratio, self.proportional_gain = diversity_ratio, proportional_gain
        self.register_buffer("balance", torch.zeros(()))

    def critic_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        # L_D = ℓ(x) − k_t ℓ(G(z)), section 3.4
        return weighted_mean(checked_outputs(real)) - self.balance * weighted_mean(checked_outputs(fake))

    def generator_loss(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        return weighted_mean(checked_outputs(fake))  # L_G = ℓ(G(z)), section 3.4

    @torch.no_grad()
    def adapt(self, real: Tensor, fake: Tensor) -> None:
        error = self.diversity_ratio * real.mean() - fake.mean()
        # k_{t+1} = k_t + λ_k (γ ℓ(x) − ℓ(G(z))), section 3.4
        self.balance.add_(self.proportional_gain * distributed.mean(error)).clamp_(0, 1)

    @property
    def divergence(self) -> Divergence:
        """A divergence of the errors, not of the samples; attained if one side's errors all lie below the other's."""
        formula = "W1 between the distributions of ℓ(x) and ℓ(G(z)) >= |E ℓ(x) − E ℓ(G(z))|"
        return Divergence("Wasserstein-1 between reconstruction errors", formula, unit="pixel error")

    @property
    def generator_divergence(self) -> Divergence:
        return Divergence("the mean reconstruction error", "E_q ℓ, with ℓ held fixed", unit="pixel error")

    def optimal_output(self, log_ratio: Tensor) -> Tensor:
        raise UserError(
            "BEGAN's critic is an autoencoder, whose best reconstruction error no density ratio determines: "
            "the game is at equilibrium where E ℓ(G(z)) is diversity_ratio times E ℓ(x)"
        )

    def estimate(self, real: Tensor, fake: Tensor, weights: SampleWeights | None = None) -> Tensor:
        """|E ℓ(x) − E ℓ(G(z))| (eq. 1)."""
        real_weights, fake_weights = weights or (None, None)
        real_error = weighted_mean(checked_outputs(real), real_weights)
        return (real_error - weighted_mean(checked_outputs(fake), fake_weights)).abs()
