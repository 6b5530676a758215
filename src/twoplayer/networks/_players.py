"""The two players that most architectures share: what differs between papers is the body in the middle."""

from __future__ import annotations

from typing import Literal, final

import torch
from torch import Tensor, nn

from twoplayer.networks._base import FeatureCritic, Generator
from twoplayer.networks._precision import ExactLinear, widen
from twoplayer.networks._shapes import is_image

__all__ = ["BodyGenerator", "ScoreCritic"]


@final
class BodyGenerator(Generator):
    """Latents ``(B, latent_dim)`` through `body` to samples ``(B, *shape)``, by a final tanh for images.

    `body` may return the sample flat. The result is float32 at least, under autocast too.
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
    """Samples through `body` to features, flattened to ``(B, width)``; one linear layer scores them.

    `normalization` names the body's, so that a game can warn where it does harm. Scores are float32 at least.
    """

    def __init__(self, shape: tuple[int, ...], body: nn.Module, width: int, normalization: str) -> None:
        super().__init__()
        self.output: Literal["score", "energy"] = "score"
        self.shape, self.normalization = shape, normalization
        self.body, self.width = body, width
        self.score = ExactLinear(width, 1)

    @property
    def trunk(self) -> nn.Module:
        return self.body

    def features(self, samples: Tensor) -> Tensor:
        hidden: Tensor = self.body(samples)
        return hidden.flatten(1)

    def judge(self, samples: Tensor, features: Tensor) -> Tensor:
        score: Tensor = self.score(features)
        return score.squeeze(1)

    def forward(self, samples: Tensor) -> Tensor:
        return self.judge(samples, self.features(samples))
