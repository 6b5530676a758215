"""Pre-activation residual blocks (He et al. 2016, fig. 4e) as SN-GAN and WGAN-GP use them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from torch import Tensor, nn

from twoplayer.networks._activations import activation, expansion, gain
from twoplayer.networks._initialization import draw_scaled
from twoplayer.networks._normalization import normalization
from twoplayer.networks._precision import widen
from twoplayer.networks._resampling import ConvPool, Upsample, UpsampleConv

__all__ = ["BlockStyle", "ResidualBlock", "SumPool"]


@final
class ResidualBlock(nn.Module):
    """shortcut(x) + branch(x)."""

    def __init__(self, branch: nn.Module, shortcut: nn.Module) -> None:
        super().__init__()
        self.branch, self.shortcut = branch, shortcut

    def forward(self, x: Tensor) -> Tensor:
        summed: Tensor = self.branch(x) + self.shortcut(x)
        return summed


@final
class SumPool(nn.Module):
    """The sum over positions: ``(B, C, H, W)`` to ``(B, C)``, in float32 at least."""

    def forward(self, x: Tensor) -> Tensor:
        return widen(x).sum((2, 3))


@dataclass(frozen=True)
class BlockStyle:
    """Builds the residual blocks of one network.

    A trunk of width w has `expanded(w)` channels: w, or 2w where the activation is gated.

    Args:
        act: The name of the activation.
        norm: The name of the normalization.
        blocks: The number of blocks, by which initial branches are scaled.
    """

    act: str
    norm: str
    blocks: int

    def expanded(self, width: int) -> int:
        return width * expansion(self.act)

    def activated(self, width: int) -> list[nn.Module]:
        """Normalization and activation of a trunk: `expanded(width)` channels in, `width` out."""
        return [normalization(self.norm, self.expanded(width), maps=True), activation(self.act)]

    def block(self, width: int) -> ResidualBlock:
        """A block that preserves size and width."""
        return self._residual(width, self._conv(width), width, self._conv(width), nn.Identity())

    def upsampling_block(self, inputs: int, outputs: int, before: int, after: int) -> ResidualBlock:
        """A block of the generator, from side `before` to side `after`."""
        grow = UpsampleConv(inputs, self.expanded(outputs), before, after, bias=self._bias)
        shortcut = nn.Sequential(self._project(self.expanded(inputs), outputs), Upsample(after))
        return self._residual(inputs, grow, outputs, self._conv(outputs), shortcut)

    def downsampling_block(self, inputs: int, outputs: int) -> ResidualBlock:
        """A block of the critic, from side s to s // 2."""
        shrink = ConvPool(inputs, self.expanded(outputs), bias=self._bias)
        shortcut = nn.Sequential(nn.AvgPool2d(2), self._project(self.expanded(inputs), outputs))
        return self._residual(inputs, self._conv(inputs), inputs, shrink, shortcut)

    def first_block(self, channels: int, outputs: int) -> ResidualBlock:
        """The critic's first block: its input is the image, so it neither activates nor normalizes it."""
        conv = nn.Conv2d(channels, self.expanded(outputs), 3, padding=1)
        shrink = ConvPool(outputs, self.expanded(outputs), bias=self._bias)
        shortcut = nn.Sequential(nn.AvgPool2d(2), self._project(channels, outputs))
        draw_scaled(conv, 1.0)
        self._draw_last(shrink)
        return ResidualBlock(nn.Sequential(conv, activation(self.act), shrink), shortcut)

    @property
    def _bias(self) -> bool:
        return self.norm == "none"

    def _conv(self, width: int) -> nn.Conv2d:
        return nn.Conv2d(width, self.expanded(width), 3, padding=1, bias=self._bias)

    def _project(self, channels: int, outputs: int) -> nn.Conv2d:
        projection = nn.Conv2d(channels, self.expanded(outputs), 1, bias=self._bias)
        draw_scaled(projection, 1.0)
        return projection

    def _residual(
        self, width: int, first: nn.Module, hidden: int, last: nn.Module, shortcut: nn.Module
    ) -> ResidualBlock:
        """A block that activates a trunk of `width`, applies `first`, activates its `hidden` output, applies `last`."""
        draw_scaled(first, gain(self.act))
        self._draw_last(last)
        branch = nn.Sequential(*self.activated(width), first, *self.activated(hidden), last)
        return ResidualBlock(branch, shortcut)

    def _draw_last(self, layer: nn.Module) -> None:
        # Each of B branches adds 1/B of the trunk's variance, (1 + 1/B)^B < e in all.
        draw_scaled(layer, gain(self.act) / self.blocks**0.5)
