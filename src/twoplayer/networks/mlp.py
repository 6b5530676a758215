"""Fully connected layers, for points of any dimension and for small images.

`depth` counts hidden layers (3 by default) and `filters` is their width. Images are flattened; the generator
ends in tanh for images and is linear for points. The generator's hidden layers are ReLU and the critic's
leaky ReLU, neither normalized, unless options say otherwise.

Source: Goodfellow et al. 2014, Generative Adversarial Nets, section 5 (both players multilayer perceptrons);
initial weights after He et al. 2015, Delving Deep into Rectifiers, eq. 10.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from torch import nn

from twoplayer.networks._activations import activation, expansion, gain
from twoplayer.networks._base import Critic, Generator
from twoplayer.networks._initial import draw_dense
from twoplayer.networks._knobs import Knobs
from twoplayer.networks._normalization import normalization
from twoplayer.networks._players import BodyGenerator, ScoreCritic
from twoplayer.networks._precision import ExactLinear
from twoplayer.networks._shapes import value_count

__all__ = ["MLP"]


@final
@dataclass(frozen=True, kw_only=True)
class MLP(Knobs):
    """`depth` hidden layers of `filters` units for both players."""

    filters: int = 128
    depth: int | None = 3

    def generator(self, latent_dim: int, shape: tuple[int, ...]) -> Generator:
        hidden = self._hidden(latent_dim, self.activation or "relu")
        last = ExactLinear(self.filters, value_count(shape))
        draw_dense(last, 1.0)
        return BodyGenerator(latent_dim, shape, nn.Sequential(*hidden, last))

    def critic(self, shape: tuple[int, ...]) -> Critic:
        hidden = self._hidden(value_count(shape), self.activation or "leaky-relu")
        body = nn.Sequential(nn.Flatten(), *hidden)
        critic = ScoreCritic(shape, body, self.filters, self.normalization or "none")
        draw_dense(critic.score, 1.0)
        return critic

    def _hidden(self, inputs: int, act: str) -> list[nn.Module]:
        norm, wide = self.normalization or "none", self.filters * expansion(act)
        layers: list[nn.Module] = []
        for index in range(self.depth or 3):
            # The first layer is exact because it may see points.
            linear = nn.Linear(self.filters, wide) if index else ExactLinear(inputs, wide)
            draw_dense(linear, gain(act) if index else 1.0)
            layers += [linear, normalization(norm, wide, maps=False), activation(act)]
        return layers
