"""The roots of the network family: what a generator, a critic, an encoder and an architecture promise."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Literal, final

from torch import Tensor, nn

from twoplayer.core.errors import UserError
from twoplayer.networks._initialization import draw_scaled
from twoplayer.networks._precision import ExactLinear

__all__ = ["Architecture", "Critic", "Encoder", "FeatureCritic", "Generator"]


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


class FeatureCritic(Critic):
    """A critic whose output is that of its last part on `width` features, so that other parts can share them."""

    width: int
    """F, the number of features."""

    @property
    @abstractmethod
    def trunk(self) -> nn.Module:
        """What makes the features of samples, without the layers that only the output needs."""

    @abstractmethod
    def judge(self, samples: Tensor, features: Tensor) -> Tensor:
        """The outputs ``(B,)`` for samples whose features are known."""


@final
class Encoder(nn.Module):
    """Samples ``(B, *shape)`` through `trunk` and one linear layer to numbers ``(B, outputs)``, float32 at least."""

    def __init__(self, shape: tuple[int, ...], trunk: nn.Module, width: int, outputs: int) -> None:
        super().__init__()
        self.shape, self.outputs = shape, outputs
        self.trunk = trunk
        self.head = ExactLinear(width, outputs)
        draw_scaled(self.head, 1.0)

    def forward(self, samples: Tensor) -> Tensor:
        encoded: Tensor = self.head(self.trunk(samples).flatten(1))
        return encoded


class Architecture(ABC):
    """A recipe for both players: options in the constructor, shapes when a player is built.

    `shape` is ``(channels, height, width)`` for images and ``(features,)`` for points. A shape that the
    architecture cannot serve raises `UserError` with one sentence that says what it can serve.
    """

    @abstractmethod
    def generator(self, latent_dim: int, shape: tuple[int, ...]) -> Generator: ...

    @abstractmethod
    def critic(self, shape: tuple[int, ...]) -> Critic: ...

    def encoder(self, outputs: int, shape: tuple[int, ...]) -> Encoder:
        """An encoder of `outputs` numbers with the body of this architecture's critic."""
        critic = self.critic(shape)
        if not isinstance(critic, FeatureCritic):
            name = type(self).__module__.rsplit(".", 1)[-1]
            raise UserError(f"{name} scores patches and has no features of whole images: take another, such as dcgan")
        return Encoder(shape, critic.trunk, critic.width, outputs)
