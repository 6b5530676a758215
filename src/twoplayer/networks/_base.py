"""The roots of the network family: what a generator, a critic and an architecture promise."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Literal

from torch import Tensor, nn

__all__ = ["Architecture", "Critic", "Generator"]


class Generator(nn.Module, ABC):
    """Maps latents ``(B, latent_dim)`` to samples ``(B, *shape)``; images in [-1, 1] by a final tanh."""

    latent_dim: int
    shape: tuple[int, ...]

    @abstractmethod
    def forward(self, latents: Tensor) -> Tensor: ...


class Critic(nn.Module, ABC):
    """Maps samples ``(B, *shape)`` to one output each, ``(B,)``, before any sigmoid.

    `output` says what the output is: a ``"score"`` (larger means more real) or an ``"energy"`` (a
    reconstruction error, larger means less real, as in BEGAN).
    """

    output: Literal["score", "energy"]
    shape: tuple[int, ...]

    @abstractmethod
    def features(self, samples: Tensor) -> Tensor:
        """The representation before the last layer, flattened to ``(B, F)``."""

    @abstractmethod
    def forward(self, samples: Tensor) -> Tensor: ...


class Architecture(ABC):
    """A recipe for both players: options in the constructor, shapes when a player is built.

    `shape` is ``(channels, height, width)`` for images and ``(features,)`` for points. A shape that the
    architecture cannot serve raises `UserError` with one sentence that says what it can serve.
    """

    @abstractmethod
    def generator(self, latent_dim: int, shape: tuple[int, ...]) -> Generator: ...

    @abstractmethod
    def critic(self, shape: tuple[int, ...]) -> Critic: ...
