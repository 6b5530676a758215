"""The generator and the critic that most architectures share: a body that differs between papers, and the ends."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor, nn

from twoplayer.networks._base import FeatureCritic, Generator
from twoplayer.networks._precision import ExactLinear, widen
from twoplayer.networks._shapes import is_image

__all__ = ["BodyGenerator", "ScoreCritic"]


@final
class BodyGenerator(Generator):
    """Latents ``(B, latent_dim)`` through `body` to samples ``(B, *shape)``, with a final tanh for images.

    Args:
        latent_dim: The dimension of the latents.
        shape: The shape of a sample.
        body: Maps latents to samples before the tanh, of any shape with the right number of values.

    Samples are float32 at least, under autocast too.
    """

    def __init__(self, latent_dim: int, shape: tuple[int, ...], body: nn.Module) -> None:
        super().__init__()
        self.latent_dim, self.shape = latent_dim, shape
        self.image = is_image(shape)
        self.body = body

    def forward(self, latents: Tensor) -> Tensor:
        samples = widen(self.body(latents))
        return (torch.tanh(samples) if self.image else samples).view(-1, *self.shape)


@final
class ScoreCritic(FeatureCritic):
    """Samples through `body` to features, flattened to ``(B, width)``, and one linear layer to scores.

    Args:
        shape: The shape of a sample.
        body: Maps samples to features.
        width: The number of features.
        normalization: The name of the body's normalization, as an attribute to inspect.

    Scores are float32 at least.
    """

    def __init__(self, shape: tuple[int, ...], body: nn.Module, width: int, normalization: str) -> None:
        super().__init__()
        self.shape, self.normalization = shape, normalization
        self.body, self.width = body, width
        self.score = ExactLinear(width, 1)

    @property
    def trunk(self) -> nn.Module:
        return self.body

    def features(self, samples: Tensor) -> Tensor:
        hidden: Tensor = self.body(samples)
        return hidden.flatten(1)

    def output_from_features(self, samples: Tensor, features: Tensor) -> Tensor:
        score: Tensor = self.score(features)
        return score.squeeze(1)

    def forward(self, samples: Tensor) -> Tensor:
        return self.output_from_features(samples, self.features(samples))
