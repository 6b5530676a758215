"""Networks of inference games (BiGAN, ALI): a generator with its encoder, and a critic of samples with latents."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor, nn

from twoplayer.core.errors import UserError
from twoplayer.networks._activations import activation, gain
from twoplayer.networks._base import Critic, Encoder, FeatureCritic, Generator, generate
from twoplayer.networks._initialization import draw_dense
from twoplayer.networks._precision import ExactLinear, widen
from twoplayer.networks._shapes import value_count

__all__ = ["InvertedGenerator", "JointCritic", "joined"]


def joined(samples: Tensor, latents: Tensor) -> Tensor:
    """Samples ``(B, *shape)`` of D values and latents ``(B, L)`` concatenated to rows ``(B, D + L)``."""
    return torch.cat([samples.flatten(1), latents.to(samples)], 1)


@final
class InvertedGenerator(Generator):
    """A generator with an encoder that approximates its inverse: `encode` maps samples to latents.

    Args:
        generator: Maps latents ``(B, latent_dim)`` to samples ``(B, *shape)``.
        encoder: Maps samples ``(B, *shape)`` to ``(B, latent_dim)``.
        bounded: Whether latents lie in (−1, 1), as under a uniform prior; encodings then end in a tanh.
    """

    def __init__(self, generator: Generator, encoder: Encoder, *, bounded: bool) -> None:
        super().__init__()
        self.latent_dim, self.shape, self.bounded = generator.latent_dim, generator.shape, bounded
        self.generator, self.encoder = generator, encoder
        self.uses_noise = generator.uses_noise

    def encode(self, samples: Tensor) -> Tensor:
        """Latents ``(B, latent_dim)`` of samples ``(B, *shape)``."""
        latents: Tensor = self.encoder(samples)
        return torch.tanh(latents) if self.bounded else latents

    def forward(self, latents: Tensor, *, noise: torch.Generator | None = None) -> Tensor:
        return generate(self.generator, latents, noise)


@final
class JointCritic(Critic):
    """A critic of pairs: rows ``(B, D + L)`` of samples and latents, from `joined`, to one score each, ``(B,)``.

    Features of the sample by the trunk of `base`, features of the latents by two layers of `width`, then two more
    layers on both; the units of the last one are the features.

    Args:
        base: A critic with features of whole samples, whose trunk is used.
        shape: The shape of a sample.
        latent_dim: L, the dimension of the latents.
        width: The width of the layers.

    Raises:
        UserError: If `base` has no features of whole samples.

    Source: Dumoulin et al. 2017, "Adversarially Learned Inference", section 2.6 and appendix A.
    """

    def __init__(self, base: nn.Module, shape: tuple[int, ...], latent_dim: int, width: int) -> None:
        super().__init__()
        if not isinstance(base, FeatureCritic):
            raise UserError("a critic of pairs needs features of whole samples: take another, such as dcgan or mlp")
        self.sample_shape, self.shape = shape, (value_count(shape) + latent_dim,)
        self.body = base.trunk
        self.of_latents = _layers(latent_dim, width)
        self.of_both = _layers(base.width + width, width)
        self.score = ExactLinear(width, 1)
        draw_dense(self.score, 1.0)

    def features(self, samples: Tensor) -> Tensor:
        count = value_count(self.sample_shape)
        sample_features = self.body(samples[:, :count].view(-1, *self.sample_shape)).flatten(1)
        both = torch.cat([widen(sample_features), widen(self.of_latents(samples[:, count:]))], 1)
        hidden: Tensor = self.of_both(both)
        return hidden

    def forward(self, samples: Tensor) -> Tensor:
        score: Tensor = self.score(self.features(samples))
        return score.squeeze(1)


def _layers(inputs: int, width: int) -> nn.Sequential:
    """Two layers, the first one exact, since latents are points."""
    act = "leaky-relu"
    first, second = ExactLinear(inputs, width), nn.Linear(width, width)
    draw_dense(first, 1.0)
    draw_dense(second, gain(act))
    return nn.Sequential(first, activation(act), second, activation(act))
