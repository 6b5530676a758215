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

from twoplayer.core.ranges import Count
from twoplayer.networks._activations import activation, expansion, gain
from twoplayer.networks._dense import Dense
from twoplayer.networks._initialization import draw_dense
from twoplayer.networks._normalization import normalization
from twoplayer.networks._precision import ExactLinear

__all__ = ["MLP"]


@final
@dataclass(frozen=True, kw_only=True)
class MLP(Dense):
    """`depth` hidden layers of `filters` units for both players."""

    filters: Count = 128
    depth: Count | None = 3

    def hidden(self, inputs: int, act: str) -> list[nn.Module]:
        norm, wide = self.normalization or "none", self.filters * expansion(act)
        layers: list[nn.Module] = []
        for index in range(self.depth or 3):
            # The first layer is exact because it may see points.
            linear = nn.Linear(self.filters, wide) if index else ExactLinear(inputs, wide)
            draw_dense(linear, gain(act) if index else 1.0)
            layers += [linear, normalization(norm, wide, maps=False), activation(act)]
        return layers
