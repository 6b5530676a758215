"""The players of the Dirac-GAN: one point against a linear critic.

Source: Mescheder et al. 2018, "Which Training Methods for GANs do actually Converge?", definition 2.1.
"""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor, nn

from twoplayer.networks._base import Architecture, Critic, Generator

__all__ = ["INITIAL_DISTANCE", "DiracArchitecture"]

INITIAL_DISTANCE = 0.01
"""Distance from the equilibrium at the start; what is not linear counts as its square."""


@final
class DiracGenerator(Generator):
    """Generates the point θ for all latents."""

    def __init__(self) -> None:
        super().__init__()
        self.latent_dim, self.shape = 1, (1,)
        self.point = nn.Parameter(torch.tensor(INITIAL_DISTANCE))

    def forward(self, latents: Tensor) -> Tensor:
        return self.point.expand(len(latents), 1)


@final
class DiracCritic(Critic):
    """D(x) = ψ·x."""

    def __init__(self) -> None:
        super().__init__()
        self.shape = (1,)
        self.slope = nn.Parameter(torch.tensor(0.0))

    def features(self, samples: Tensor) -> Tensor:
        return samples

    def forward(self, samples: Tensor) -> Tensor:
        return self.slope * samples[:, 0]


@final
class DiracArchitecture(Architecture):
    """The two players of the Dirac-GAN (definition 2.1)."""

    def generator(self, latent_dim: int, shape: tuple[int, ...]) -> Generator:
        return DiracGenerator()

    def critic(self, shape: tuple[int, ...]) -> Critic:
        return DiracCritic()
