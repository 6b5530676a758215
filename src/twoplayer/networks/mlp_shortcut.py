"""Fully connected layers with a residual shortcut around each, for points and for small images.

Source: Johnson & Zhang 2018, Composite Functional Gradient Learning of Generative Adversarial Models
(arXiv 1801.06309), section 4 (fully connected networks of two layers of 512 units); shortcuts after He et
al. 2016, Deep Residual Learning for Image Recognition, eq. 1 and 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import final

from torch import Tensor, nn

from twoplayer.core.ranges import Count
from twoplayer.networks._activations import activation, expansion, gain
from twoplayer.networks._dense import Dense
from twoplayer.networks._initialization import draw_dense
from twoplayer.networks._normalization import normalization
from twoplayer.networks._precision import ExactLinear

__all__ = ["MLPShortcut"]


@final
@dataclass(frozen=True, kw_only=True)
class MLPShortcut(Dense):
    """A multilayer perceptron with shortcuts for each player: hidden layers compute x + f(Wx).

    The shortcut is the identity where the widths agree, a linear projection around the first layer. Branches start at
    1/√depth of their usual size, so that the size of the signal does not grow with the depth.

    Args:
        activation: ``"relu"``, ``"leaky-relu"`` (slope 0.2), ``"tanh"``, ``"softplus"`` (softplus(2x + 2)/2 − 1),
            ``"elu"`` or ``"gated"`` (a·sigmoid(b)). Default None: relu in the generator, leaky-relu in the critic.
        normalization: ``"batch"``, ``"layer"``, ``"instance"`` or ``"none"``. Default None: none in either.
        filters: Units of a hidden layer, at least 1. Default 512, the paper's.
        depth: Number of hidden layers, at least 1. Default 2, the paper's.

    Raises:
        UserError: If an option is unknown or out of range, or, when a network is built, if the shape is not supported.

    >>> import torch
    >>> MLPShortcut(filters=16).critic(shape=(2,))(torch.zeros(3, 2)).shape
    torch.Size([3])
    """

    filters: Count = 512
    depth: Count | None = 2

    def hidden(self, inputs: int, act: str) -> list[nn.Module]:
        norm, depth = self.normalization or "none", self.depth or 2
        widths = [inputs] + [self.filters] * depth
        return [
            ShortcutLayer(before, after, act, norm, gain(act) / depth**0.5, first=index == 0)
            for index, (before, after) in enumerate(pairwise(widths))
        ]


@final
class ShortcutLayer(nn.Module):
    """x + f(Wx), with a projection for x where the widths differ: ``(B, inputs)`` to ``(B, outputs)``."""

    def __init__(self, inputs: int, outputs: int, act: str, norm: str, scale: float, first: bool) -> None:
        super().__init__()
        linear, wide = (ExactLinear if first else nn.Linear), outputs * expansion(act)
        self.branch = nn.Sequential(linear(inputs, wide), normalization(norm, wide, maps=False), activation(act))
        self.shortcut = linear(inputs, outputs, bias=False) if inputs != outputs else nn.Identity()
        draw_dense(self.branch, scale)
        draw_dense(self.shortcut, 1.0)

    def forward(self, x: Tensor) -> Tensor:
        summed: Tensor = self.shortcut(x) + self.branch(x)
        return summed
