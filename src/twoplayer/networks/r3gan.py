"""R3GAN's modern ResNet: grouped bottlenecks without normalization, at any resolution from 8 to 256.

Source: Huang, Gokaslan, Kuleshov & Tompkin 2024, The GAN is dead; long live the GAN! A Modern Baseline GAN
(arXiv 2501.05441), section 4 (configurations D and E) and appendix; initial weights after Zhang, Dauphin & Ma
2019, Fixup Initialization (arXiv 1901.09321).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from twoplayer.core.ranges import Count
from twoplayer.networks._activations import activation, expansion, gain
from twoplayer.networks._base import Critic, Generator
from twoplayer.networks._configurable import ConfigurableArchitecture
from twoplayer.networks._initialization import draw_scaled
from twoplayer.networks._normalization import normalization
from twoplayer.networks._players import BodyGenerator, ScoreCritic
from twoplayer.networks._precision import widen
from twoplayer.networks._residual import ResidualBlock
from twoplayer.networks._shapes import level_sizes, spread_evenly, square_image

__all__ = ["R3GAN"]

GROUP_WIDTH = 16
CONSTANT_LEVELS = 4


@final
@dataclass(frozen=True, kw_only=True)
class R3GAN(ConfigurableArchitecture):
    """The two players of R3GAN for square images of 8 to 256 pixels.

    Each resolution has residual blocks of 1x1, grouped 3x3 (16 channels in a group) and 1x1 convolutions, with twice
    the trunk's width inside and an activation between; the last convolution starts at zero, so that every block starts
    as the identity. The trunk changes its size by bilinear interpolation and its width by a 1x1 convolution. The
    latents weight a learned basis of the coarsest map, and the critic projects its coarsest map onto another.

    Args:
        activation: ``"relu"``, ``"leaky-relu"`` (slope 0.2), ``"tanh"``, ``"softplus"`` (softplus(2x + 2)/2 − 1),
            ``"elu"`` or ``"gated"`` (a·sigmoid(b)). Default None: leaky-relu in both.
        normalization: ``"batch"``, ``"layer"``, ``"instance"`` or ``"none"``. Default None: none in either.
        filters: Width of the four coarsest levels, halved with each finer one, at least 1. Default 64; the paper's is
            768.
        depth: Number of layers with weights: 3 for each block, the basis and the image's 1x1 convolution. Default None:
            two blocks for each level. Other depths spread their (depth − 2) // 3 blocks over the levels, coarser ones
            first.

    Raises:
        UserError: If an option is unknown or out of range, or, when a network is built, if the shape is not supported.

    >>> import torch
    >>> r3gan = R3GAN(filters=16)
    >>> images = r3gan.generator(latent_dim=8, shape=(1, 28, 28))(torch.randn(2, 8))
    >>> images.shape, r3gan.critic(shape=(1, 28, 28))(images).shape
    (torch.Size([2, 1, 28, 28]), torch.Size([2]))
    """

    filters: Count = 64

    def generator(self, latent_dim: int, shape: tuple[int, ...]) -> Generator:
        channels, resolution = square_image(shape, "r3gan")
        sizes = level_sizes(resolution)
        widths, blocks = self._widths(len(sizes)), self._blocks(len(sizes))
        body: list[nn.Module] = [GenerativeBasis(latent_dim, widths[-1], sizes[-1])]
        for level in reversed(range(len(sizes))):
            if level < len(sizes) - 1:
                body += [*_width_projection(widths[level + 1], widths[level]), Bilinear(sizes[level])]
            body += [self._block(widths[level], sum(blocks)) for _ in range(blocks[level])]
        last = nn.Conv2d(widths[0], channels, 1, bias=False)
        draw_scaled(last, 1.0)
        return BodyGenerator(latent_dim, shape, nn.Sequential(*body, last))

    def critic(self, shape: tuple[int, ...]) -> Critic:
        channels, resolution = square_image(shape, "r3gan")
        sizes = level_sizes(resolution)
        widths, blocks = self._widths(len(sizes)), self._blocks(len(sizes))
        body: list[nn.Module] = _width_projection(channels, widths[0], always=True)
        for level in range(len(sizes)):
            if level:
                body += [nn.AvgPool2d(2), *_width_projection(widths[level - 1], widths[level])]
            body += [self._block(widths[level], sum(blocks)) for _ in range(blocks[level])]
        body += [CriticBasis(widths[-1], sizes[-1])]
        critic = ScoreCritic(shape, nn.Sequential(*body), widths[-1], self.normalization or "none")
        draw_scaled(critic.score, 1.0)
        return critic

    def _widths(self, levels: int) -> list[int]:
        """Widths by level, finest first; halving stops at 8 channels, where a block has a single group."""
        halved = [max(0, levels - CONSTANT_LEVELS - level) for level in range(levels)]
        return [max(self.filters >> times, min(self.filters, 8)) for times in halved]

    def _blocks(self, levels: int) -> list[int]:
        if self.depth is None:
            return [2] * levels
        return spread_evenly(max(1, (self.depth - 2) // 3), levels)

    def _block(self, width: int, blocks: int) -> ResidualBlock:
        """x + W₃ f(W₂ f(W₁ x)), W₂ grouped; W₁ and W₂ start scaled by blocks^(−1/4), W₃ at zero (Fixup)."""
        act, norm = self.activation or "leaky-relu", self.normalization or "none"
        inner, bias = 2 * width, norm == "none"
        wide = inner * expansion(act)
        groups = math.gcd(inner, max(1, inner // GROUP_WIDTH))
        first = nn.Conv2d(width, wide, 1, bias=bias)
        grouped = nn.Conv2d(inner, wide, 3, padding=1, groups=groups, bias=bias)
        last = nn.Conv2d(inner, width, 1, bias=False)
        draw_scaled(nn.ModuleList([first, grouped]), gain(act) * blocks**-0.25)
        nn.init.zeros_(last.weight)
        norms = [normalization(norm, wide, maps=True) for _ in range(2)]
        branch = nn.Sequential(first, norms[0], activation(act), grouped, norms[1], activation(act), last)
        return ResidualBlock(branch, nn.Identity())


@final
class GenerativeBasis(nn.Module):
    """Maps latents ``(B, latent_dim)`` to maps ``(B, width, side, side)``: learned maps weighted by a linear layer."""

    def __init__(self, latent_dim: int, width: int, side: int) -> None:
        super().__init__()
        self.basis = nn.Parameter(torch.randn(width, side, side))
        self.linear = nn.Linear(latent_dim, width, bias=False)
        draw_scaled(self.linear, 1.0)

    def forward(self, latents: Tensor) -> Tensor:
        weighted: Tensor = self.linear(latents)[:, :, None, None] * self.basis
        return weighted


@final
class CriticBasis(nn.Module):
    """Maps ``(B, width, side, side)`` to ``(B, width)``: the product of each channel with a learned map.

    It is a depthwise convolution of the whole map, computed as a product and a sum, in float32 at least.
    """

    def __init__(self, width: int, side: int) -> None:
        super().__init__()
        # A layer, so that rules for layers, such as spectral normalization, find its weight.
        self.basis = nn.Conv2d(width, width, side, groups=width, bias=False)
        draw_scaled(self.basis, 1.0)

    def forward(self, x: Tensor) -> Tensor:
        return (widen(x) * self.basis.weight.squeeze(1)).sum((2, 3))


@final
class Bilinear(nn.Module):
    """Bilinear upsampling to ``(B, C, size, size)``."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        return F.interpolate(x, size=(self.size, self.size), mode="bilinear", align_corners=False)


def _width_projection(inputs: int, outputs: int, always: bool = False) -> list[nn.Module]:
    """A 1x1 convolution where the widths differ, or `always`; else nothing."""
    if inputs == outputs and not always:
        return []
    conv = nn.Conv2d(inputs, outputs, 1, bias=False)
    draw_scaled(conv, 1.0)
    return [conv]
