"""Strided and transposed convolutions with batch normalization, at any resolution from 8 to 256.

Source: Radford, Metz & Chintala 2016, Unsupervised Representation Learning with Deep Convolutional
Generative Adversarial Networks (arXiv 1511.06434), section 3 and figure 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, final

from torch import nn

from twoplayer.core.errors import UserError
from twoplayer.networks._activations import activation, expansion
from twoplayer.networks._base import Critic, Generator
from twoplayer.networks._configurable import ConfigurableArchitecture
from twoplayer.networks._initialization import draw_normal
from twoplayer.networks._normalization import normalization
from twoplayer.networks._players import BodyGenerator, ScoreCritic
from twoplayer.networks._shapes import base_width, level_sizes, spread_evenly, square_image

__all__ = ["DCGAN"]

MIN_CONVOLUTIONS = 3
"""The least number of convolutions, also where the map is halved fewer times."""


@final
@dataclass(frozen=True, kw_only=True)
class DCGAN(ConfigurableArchitecture):
    """The two players of DCGAN for square images of 8 to 256 pixels.

    The paper's five guidelines hold at every size: strided convolutions instead of pooling, batch normalization
    everywhere but at the generator's output and the critic's input, no fully connected hidden layers (latents are
    projected onto the coarsest map, the last map is scored linearly), ReLU in the generator with tanh at its output,
    leaky ReLU of slope 0.2 in the critic. Weights start from N(0, 0.02²).

    The map is halved (28 to 14 to 7 to 3, 64 to 4) until its side is at most 5. The options `kernel_size` 5 and
    `pointwise` give the extension of Johnson & Zhang 2018 for functional gradients: 5x5 kernels, each but the image's
    own followed by a 1x1 convolution (theirs starts from N(0, 0.01²) and does not normalize the projected latents).

    Args:
        activation: ``"relu"``, ``"leaky-relu"`` (slope 0.2), ``"tanh"``, ``"softplus"`` (softplus(2x + 2)/2 − 1),
            ``"elu"`` or ``"gated"`` (a·sigmoid(b)). Default None: relu in the generator, leaky-relu in the critic.
        normalization: ``"batch"``, ``"layer"``, ``"instance"`` or ``"none"``. Default None: batch in both.
        filters: Channels of the finest map, doubled with each halving, up to 16-fold (the paper has 64 and 1024).
            Default None: 32 up to 32 pixels, 64 above.
        depth: Number of convolutions, without the projection of the latents and the score. Default None: one for each
            halving, and at least three. Fewer make the coarsest map larger; additional ones are 3x3 convolutions of
            stride 1, spread over the maps.
        kernel_size: Side of the strided convolutions' kernels in pixels, 4 or 5. Default 4.
        pointwise: Whether a 1x1 convolution follows every convolution between two maps. Default False.

    Raises:
        UserError: If an option is unknown or out of range, or, when a network is built, if the shape is not supported.

    >>> import torch
    >>> dcgan = DCGAN(filters=4)
    >>> images = dcgan.generator(latent_dim=8, shape=(3, 32, 32))(torch.randn(2, 8))
    >>> images.shape, dcgan.critic(shape=(3, 32, 32))(images).shape
    (torch.Size([2, 3, 32, 32]), torch.Size([2]))
    """

    kernel_size: Literal[4, 5] = 4
    pointwise: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.kernel_size not in (4, 5):
            raise UserError(f"kernel_size must be 4 or 5, not {self.kernel_size!r}")

    def generator(self, latent_dim: int, shape: tuple[int, ...]) -> Generator:
        channels, resolution = square_image(shape, "dcgan")
        levels = self._levels(resolution)
        style = LayerStyle(self.activation or "relu", self.normalization or "batch", self.kernel_size, self.pointwise)
        units, side = style.expanded(levels[-1].width), levels[-1].coarse
        # The same as a transposed convolution of the latent seen as a 1x1 map, and faster.
        project = nn.Linear(latent_dim, units * side**2, bias=style.bias)
        body = [project, nn.Unflatten(1, (units, side, side)), *style.activated(units)]
        for finer, level in reversed(list(zip([None, *levels], levels, strict=False))):
            for _ in range(level.extra):
                body += style.same_size(level.width)
            body += [] if finer is None else style.upsampling(level, finer.width)
        last = style.up(levels[0], levels[0].width, channels)
        generator = BodyGenerator(latent_dim, shape, nn.Sequential(*body, last))
        draw_normal(generator, 0.02)
        return generator

    def critic(self, shape: tuple[int, ...]) -> Critic:
        channels, resolution = square_image(shape, "dcgan")
        levels = self._levels(resolution)
        style = LayerStyle(
            self.activation or "leaky-relu", self.normalization or "batch", self.kernel_size, self.pointwise
        )
        first = style.down(levels[0], channels, style.expanded(levels[0].width))
        body: list[nn.Module] = [first, activation(style.act)]
        for finer, level in zip([None, *levels], levels, strict=False):
            body += [] if finer is None else style.downsampling(level, finer.width)
            for _ in range(level.extra):
                body += style.same_size(level.width)
        features = levels[-1].width * levels[-1].coarse ** 2
        critic = ScoreCritic(shape, nn.Sequential(*body), features, style.norm)
        draw_normal(critic, 0.02)
        return critic

    def _levels(self, resolution: int) -> list[DCGANStage]:
        """The halvings, finest first."""
        sizes = level_sizes(resolution, 5)[: None if self.depth is None else self.depth + 1]
        count = len(sizes) - 1
        extra = spread_evenly((self.depth or max(count, MIN_CONVOLUTIONS)) - count, count)
        widths = [base_width(self.filters, resolution) * min(2**index, 16) for index in range(count)]
        return [DCGANStage(*level) for level in zip(sizes[:-1], sizes[1:], widths, extra, strict=True)]


@dataclass(frozen=True)
class DCGANStage:
    """One halving of the map: its sides before and after, the channels and the number of extra layers after it."""

    fine: int
    coarse: int
    width: int
    extra: int


@dataclass(frozen=True)
class LayerStyle:
    """Builds the layers of one network: convolution, normalization, activation."""

    act: str
    norm: str
    kernel_size: int
    pointwise: bool

    @property
    def bias(self) -> bool:
        """Whether convolutions have a bias: only without a normalization, which has its own."""
        return self.norm == "none"

    def expanded(self, width: int) -> int:
        return width * expansion(self.act)

    def activated(self, channels: int) -> list[nn.Module]:
        return [normalization(self.norm, channels, maps=True), activation(self.act)]

    def same_size(self, width: int, side: int = 3) -> list[nn.Module]:
        wide = self.expanded(width)
        return [nn.Conv2d(width, wide, side, padding=side // 2, bias=self.bias), *self.activated(wide)]

    def downsampling(self, level: DCGANStage, inputs: int) -> list[nn.Module]:
        wide = self.expanded(level.width)
        return [self.down(level, inputs, wide, self.bias), *self.activated(wide), *self._pointwise_layers(level.width)]

    def upsampling(self, level: DCGANStage, outputs: int) -> list[nn.Module]:
        wide = self.expanded(outputs)
        return [self.up(level, level.width, wide, self.bias), *self.activated(wide), *self._pointwise_layers(outputs)]

    def _pointwise_layers(self, width: int) -> list[nn.Module]:
        return self.same_size(width, side=1) if self.pointwise else []

    def down(self, level: DCGANStage, inputs: int, outputs: int, bias: bool = True) -> nn.Conv2d:
        """A convolution from a level's fine map to its coarse one, whose side is half, rounded down."""
        return nn.Conv2d(inputs, outputs, self.kernel_size, 2, self._padding(level), bias=bias)

    def up(self, level: DCGANStage, inputs: int, outputs: int, bias: bool = True) -> nn.ConvTranspose2d:
        """A transposed convolution from a level's coarse map to its fine one."""
        padding = self._padding(level)
        output_padding = level.fine - (2 * (level.coarse - 1) - 2 * padding + self.kernel_size)
        return nn.ConvTranspose2d(inputs, outputs, self.kernel_size, 2, padding, output_padding, bias=bias)

    def _padding(self, level: DCGANStage) -> int:
        return 2 if self.kernel_size == 5 and level.fine % 2 == 0 else 1
