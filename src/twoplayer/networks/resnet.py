"""Residual networks as in SN-GAN and WGAN-GP, up to 101 layers deep, at any resolution from 8 to 256.

Source: Miyato et al. 2018, Spectral Normalization for Generative Adversarial Networks (arXiv 1802.05957),
tables 3 to 5; Gulrajani et al. 2017, Improved Training of Wasserstein GANs (arXiv 1704.00028), appendix F.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from torch import nn

from twoplayer.networks._activations import activation
from twoplayer.networks._base import Critic, Generator
from twoplayer.networks._configurable import ConfigurableArchitecture
from twoplayer.networks._initialization import draw_scaled
from twoplayer.networks._players import BodyGenerator, ScoreCritic
from twoplayer.networks._residual import BlockStyle, SumPool
from twoplayer.networks._shapes import base_width, level_sizes, spread_evenly, square_image

__all__ = ["ResNet"]

SMALL_RESOLUTION = 32


@final
@dataclass(frozen=True, kw_only=True)
class ResNet(ConfigurableArchitecture):
    """Pre-activation residual blocks of two 3x3 convolutions for both players, for square images of 8 to 256 pixels.

    The generator upsamples by nearest neighbour; the critic pools by means and sums its last map over positions before
    the linear score. Residual branches start at 1/√B of their usual size, B being the number of blocks, so that the
    signal neither grows nor fades with B (the papers' few blocks do not need it).

    Args:
        activation: ``"relu"``, ``"leaky-relu"`` (slope 0.2), ``"tanh"``, ``"softplus"`` (softplus(2x + 2)/2 − 1),
            ``"elu"`` or ``"gated"`` (a·sigmoid(b)). Default None: relu in both.
        normalization: ``"batch"``, ``"layer"``, ``"instance"`` or ``"none"``. Default None: batch in the generator,
            none in the critic.
        filters: Up to 32 pixels the width of every block (SN-GAN has 256 in the generator and 128 in the critic,
            WGAN-GP 128 in both); above, the width of the finest map, doubled with each halving, up to 8-fold. Default
            None: 32 up to 32 pixels, 64 above.
        depth: Number of layers with weights on the main path, without the projection of the latents: B blocks have 2B +
            1, with the generator's last convolution or the critic's score; an even depth is rounded down, so 101 is 50
            blocks. Additional blocks are spread over the levels at their coarser sizes; fewer than one for each
            doubling make the coarsest map larger. Default None: the papers', a generator with one block for each
            doubling, and a critic with one for each halving and two more at the coarsest map up to 32 pixels, one more
            above.

    Raises:
        UserError: If an option is unknown or out of range, or, when a network is built, if the shape is not supported.

    >>> import torch
    >>> resnet = ResNet(filters=4)
    >>> images = resnet.generator(latent_dim=8, shape=(3, 32, 32))(torch.randn(2, 8))
    >>> images.shape, resnet.critic(shape=(3, 32, 32))(images).shape
    (torch.Size([2, 3, 32, 32]), torch.Size([2]))
    """

    def generator(self, latent_dim: int, shape: tuple[int, ...]) -> Generator:
        channels, resolution = square_image(shape, "resnet")
        sizes = self._sizes(resolution, 7)
        levels = len(sizes) - 1
        widths = self._widths(resolution, len(sizes))
        blocks = self._blocks or levels
        style = BlockStyle(self.activation or "relu", self.normalization or "batch", blocks)
        extra = spread_evenly(blocks - levels, levels)
        trunk, side = style.expanded(widths[-1]), sizes[-1]
        project = nn.Linear(latent_dim, trunk * side**2)
        body: list[nn.Module] = [project, nn.Unflatten(1, (trunk, side, side))]
        for level in reversed(range(levels)):
            body += [style.block(widths[level + 1]) for _ in range(extra[level])]
            body += [style.upsampling_block(widths[level + 1], widths[level], sizes[level + 1], sizes[level])]
        last = nn.Conv2d(widths[0], channels, 3, padding=1)
        draw_scaled(project, 1.0)
        draw_scaled(last, 1.0)
        return BodyGenerator(latent_dim, shape, nn.Sequential(*body, *style.activated(widths[0]), last))

    def critic(self, shape: tuple[int, ...]) -> Critic:
        channels, resolution = square_image(shape, "resnet")
        sizes = self._sizes(resolution, 8 if resolution <= SMALL_RESOLUTION else 7)
        levels = len(sizes) - 1
        widths = self._widths(resolution, levels)
        extra = self._extra_critic_blocks(resolution, levels)
        style = BlockStyle(self.activation or "relu", self.normalization or "none", levels + sum(extra))
        body: list[nn.Module] = [style.first_block(channels, widths[0])]
        for level in range(levels):
            if level:
                body += [style.downsampling_block(widths[level - 1], widths[level])]
            body += [style.block(widths[level]) for _ in range(extra[level])]
        body += [activation(style.act), SumPool()]
        critic = ScoreCritic(shape, nn.Sequential(*body), widths[-1], style.norm)
        # A sum is as much larger than a mean as there are positions; first scores must not depend on that.
        draw_scaled(critic.score, 1 / sizes[-1] ** 2)
        return critic

    @property
    def _blocks(self) -> int | None:
        return None if self.depth is None else max(1, (self.depth - 1) // 2)

    def _sizes(self, resolution: int, coarsest: int) -> list[int]:
        sizes = level_sizes(resolution, coarsest)
        return sizes if self._blocks is None else sizes[: self._blocks + 1]

    def _widths(self, resolution: int, count: int) -> list[int]:
        growth = 1 if resolution <= SMALL_RESOLUTION else 8
        return [base_width(self.filters, resolution) * min(2**level, growth) for level in range(count)]

    def _extra_critic_blocks(self, resolution: int, levels: int) -> list[int]:
        if self._blocks is None:
            return [0] * (levels - 1) + [2 if resolution <= SMALL_RESOLUTION else 1]
        return spread_evenly(self._blocks - levels, levels)
