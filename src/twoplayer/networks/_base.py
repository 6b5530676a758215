"""The roots of the network family: generator, critic, encoder, and the architecture that builds them.

Learning-rate multipliers: a module of any network may declare ``lr_multiplier: float`` as a class attribute. The
optimizers train its parameters, and those of its submodules that declare none, at the learning rate times that factor.
A module that declares none has the factor 1 or that of the module it lies in. The mapping network of StyleGAN has 0.01
(Karras et al. 2019, appendix C).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Literal, final

import torch
from torch import Tensor, nn

from twoplayer.core.errors import UserError
from twoplayer.networks._initialization import draw_scaled
from twoplayer.networks._precision import ExactLinear

__all__ = ["Architecture", "Critic", "Encoder", "FeatureCritic", "Generator", "MappedGenerator", "generate"]


class Generator(nn.Module, ABC):
    """Maps latents ``(B, latent_dim)`` to samples ``(B, *shape)``; images end in a tanh and lie in [-1, 1].

    A generator that draws random numbers of its own, such as StyleGAN's noise inputs, declares ``uses_noise = True``
    and takes their stream: ``forward(latents, *, noise: torch.Generator | None = None)``. All numbers it draws must
    come from `noise`; without it, as in an export, it uses constant noise or none, so that its samples are a function
    of the latents.
    """

    uses_noise: bool = False
    """Whether `forward` takes a random stream `noise`. Declared on the class; wrappers copy it from what they wrap."""
    intermediate_dim: int | None = None
    """The dimension of the intermediate latent space (`MappedGenerator`), or None where there is none."""
    latent_dim: int
    """The dimension of the latents."""
    shape: tuple[int, ...]
    """The shape of a sample: ``(C, H, W)`` for images, ``(D,)`` for points."""

    @abstractmethod
    def forward(self, latents: Tensor) -> Tensor:
        """Samples ``(B, *shape)`` of latents ``(B, latent_dim)``, float32 at least."""


class MappedGenerator(Generator):
    """A generator with an intermediate latent space W: samples are ``synthesis(mapping(latents))``.

    Source: Karras, Laine and Aila 2019, "A Style-Based Generator Architecture for Generative Adversarial Networks",
    section 2.
    """

    intermediate_dim: int

    @abstractmethod
    def mapping(self, latents: Tensor) -> Tensor:
        """Intermediate latents ``(B, intermediate_dim)`` of latents ``(B, latent_dim)``."""

    @abstractmethod
    def synthesis(self, intermediate: Tensor, *, noise: torch.Generator | None = None) -> Tensor:
        """Samples ``(B, *shape)`` of intermediate latents ``(B, intermediate_dim)``.

        Args:
            intermediate: Points of W, from `mapping` or not: interpolations, truncations, projections.
            noise: The stream of the generator's random numbers, where `uses_noise` is true.
        """

    def forward(self, latents: Tensor, *, noise: torch.Generator | None = None) -> Tensor:
        return self.synthesis(self.mapping(latents), noise=noise)


def generate(generator: nn.Module, latents: Tensor, noise: torch.Generator | None = None) -> Tensor:
    """Samples of any generator; `noise` is passed on to those that use it."""
    uses_noise = getattr(generator, "uses_noise", False)  # a module from outside declares nothing
    samples: Tensor = generator(latents, noise=noise) if uses_noise else generator(latents)
    return samples


class Critic(nn.Module, ABC):
    """Maps samples ``(B, *shape)`` to one output each, ``(B,)``, before any sigmoid."""

    output: Literal["score", "energy"] = "score"
    """The kind of output: a ``"score"`` (larger is more real) or an ``"energy"`` (a reconstruction error, larger is
    less real, as in BEGAN). Declared on the class; it must equal the objective's `critic_output`."""
    shape: tuple[int, ...]
    """The shape of a sample: ``(C, H, W)`` for images, ``(D,)`` for points."""

    @abstractmethod
    def features(self, samples: Tensor) -> Tensor:
        """The representation before the last layer, flattened to ``(B, F)``."""

    @abstractmethod
    def forward(self, samples: Tensor) -> Tensor:
        """Outputs ``(B,)`` for samples ``(B, *shape)``, float32 at least."""


class FeatureCritic(Critic):
    """A critic whose output is computed from `width` features, so that other heads can share them."""

    width: int
    """F, the number of features."""

    @property
    @abstractmethod
    def trunk(self) -> nn.Module:
        """The module that computes the features, without the layers that only the output needs."""

    @abstractmethod
    def output_from_features(self, samples: Tensor, features: Tensor) -> Tensor:
        """The outputs ``(B,)`` of samples ``(B, *shape)`` whose features ``(B, F)`` are known."""


@final
class Encoder(nn.Module):
    """Maps samples ``(B, *shape)`` to codes ``(B, outputs)``: a trunk and one linear layer, float32 at least.

    Args:
        shape: The shape of a sample.
        trunk: Maps samples to features that flatten to ``(B, width)``.
        width: The number of features.
        outputs: The dimension of a code.
    """

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
    """Builds the networks of a game: options are set in the constructor, shapes when a network is built.

    `shape` is ``(channels, height, width)`` for images and ``(features,)`` for points. An architecture raises
    `UserError` for a shape or a role that it does not support, and says in one sentence what it supports.

    >>> import torch
    >>> from twoplayer import networks
    >>> mlp = networks.create("mlp", filters=64, depth=2)
    >>> generator, critic = mlp.generator(latent_dim=8, shape=(2,)), mlp.critic(shape=(2,))
    >>> samples = generator(torch.randn(5, 8))
    >>> samples.shape, critic(samples).shape, critic.features(samples).shape
    (torch.Size([5, 2]), torch.Size([5]), torch.Size([5, 64]))
    """

    @abstractmethod
    def generator(self, latent_dim: int, shape: tuple[int, ...]) -> Generator:
        """A generator from latents ``(B, latent_dim)`` to samples ``(B, *shape)``, with new weights."""

    @abstractmethod
    def critic(self, shape: tuple[int, ...]) -> Critic:
        """A critic of samples ``(B, *shape)``, with new weights."""

    def encoder(self, outputs: int, shape: tuple[int, ...]) -> Encoder:
        """An encoder from samples ``(B, *shape)`` to codes ``(B, outputs)``, with the trunk of this critic.

        Raises:
            UserError: If the critic has no features of whole samples.
        """
        critic = self.critic(shape)
        if not isinstance(critic, FeatureCritic):
            name = type(self).__module__.rsplit(".", 1)[-1]
            raise UserError(f"{name} scores patches and has no features of whole images: take another, such as dcgan")
        return Encoder(shape, critic.trunk, critic.width, outputs)
