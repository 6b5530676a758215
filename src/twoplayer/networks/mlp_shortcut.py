"""Fully connected layers with a residual shortcut around each, for points and for small images.

`depth` counts hidden layers (2 by default) and `filters` is their width (512). A hidden layer computes
x + f(Wx): the identity where widths agree, a linear projection around the first. Branches start at 1/√depth
of their usual size, so that the signal's size does not grow with the depth.

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
    """`depth` hidden layers of `filters` units, each with a shortcut, for both players."""

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
