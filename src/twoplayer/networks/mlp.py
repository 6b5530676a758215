"""Fully connected layers, for points of any dimension and for small images.

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
    """A multilayer perceptron for each player: `depth` hidden layers of `filters` units, then one linear layer.

    Images are flattened. The generator ends in a tanh for images and is linear for points. Weights are drawn from
    N(0, gain²/fan-in) (He et al. 2015, eq. 10), biases uniformly from ±1/√fan-in.

    Args:
        activation: ``"relu"``, ``"leaky-relu"`` (slope 0.2), ``"tanh"``, ``"softplus"`` (softplus(2x + 2)/2 − 1),
            ``"elu"`` or ``"gated"`` (a·sigmoid(b)). Default None: relu in the generator, leaky-relu in the critic.
        normalization: ``"batch"``, ``"layer"``, ``"instance"`` or ``"none"``. Default None: none in either.
        filters: Units of a hidden layer, at least 1. Default 128.
        depth: Number of hidden layers, at least 1. Default 3.

    Raises:
        UserError: If an option is unknown or out of range, or, when a network is built, if the shape is not supported.

    >>> import torch
    >>> MLP(filters=16).generator(latent_dim=4, shape=(1, 8, 8))(torch.zeros(3, 4)).shape
    torch.Size([3, 1, 8, 8])
    >>> MLP(filters=16).critic(shape=(2,))(torch.zeros(3, 2)).shape
    torch.Size([3])
    """

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
