"""A linear generator: the model is exactly a Gaussian, so the result of a game or an algorithm is known."""

from __future__ import annotations

from torch import Tensor, nn

from twoplayer.networks._base import Architecture, Critic, Generator
from twoplayer.networks.mlp import MLP

__all__ = ["Linear"]


class Linear(Architecture):
    """x = Az + b, initially x = z; the critic is that of `MLP`."""

    def generator(self, latent_dim: int, shape: tuple[int, ...]) -> Generator:
        return _LinearGenerator(latent_dim, shape)

    def critic(self, shape: tuple[int, ...]) -> Critic:
        return MLP().critic(shape)


class _LinearGenerator(Generator):
    def __init__(self, latent_dim: int, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.latent_dim, self.shape = latent_dim, shape
        self.line = nn.Linear(latent_dim, shape[0])
        nn.init.eye_(self.line.weight)
        nn.init.zeros_(self.line.bias)

    def forward(self, latents: Tensor) -> Tensor:
        return self.line(latents)  # type: ignore[no-any-return]
