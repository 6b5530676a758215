"""Strided and transposed convolutions with batch normalization, at any resolution from 8 to 256.

The paper's five guidelines hold at every size: strided convolutions instead of pooling, batch normalization
everywhere but the generator's output and the critic's input, no fully connected hidden layers (latents are
projected onto the coarsest map, the last map is scored linearly), ReLU in the generator with tanh at its
output, leaky ReLU of slope 0.2 in the critic. Weights start from N(0, 0.02²).

The map is halved (28 to 14 to 7 to 3, 64 to 4) until its side is at most 5. Channels begin with
`filters` at the finest map (32 up to 32 pixels, 64 above) and double with each halving, up to 16-fold
(the paper's 64 and 1024). `depth` counts convolutions, without the latent projection and the score: by
default one per halving, and at least three. With fewer, the coarsest map is larger; more are 3x3
convolutions of stride 1, spread over the maps. `kernel` 5 and `pointwise` make the extension of DCGAN that Johnson &
Zhang 2018 take for their functional gradients: 5x5 kernels, each but the image's own followed by a 1x1 convolution.
Theirs starts from N(0, 0.01²) and does not normalize the projected latents.

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
from twoplayer.networks._shapes import base_width, even_share, halvings, square_image

__all__ = ["DCGAN"]

LEAST = 3
"""Convolutions that an image of few halvings has all the same."""


@final
@dataclass(frozen=True, kw_only=True)
class DCGAN(ConfigurableArchitecture):
    """The paper's two players, from 8 to 256 pixels."""

    kernel: Literal[4, 5] = 4
    """Side of the strided convolutions' kernels, in pixels."""
    pointwise: bool = False
    """A 1x1 convolution after every convolution between two maps."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.kernel not in (4, 5):
            raise UserError(f"kernel must be 4 or 5, not {self.kernel!r}")

    def generator(self, latent_dim: int, shape: tuple[int, ...]) -> Generator:
        channels, resolution = square_image(shape, "dcgan")
        levels = self._levels(resolution)
        style = LayerStyle(self.activation or "relu", self.normalization or "batch", self.kernel, self.pointwise)
        units, side = style.wide(levels[-1].width), levels[-1].coarse
        # The same as a transposed convolution of the latent seen as a 1x1 map, and faster.
        project = nn.Linear(latent_dim, units * side**2, bias=style.bias)
        body = [project, nn.Unflatten(1, (units, side, side)), *style.activated(units)]
        for finer, level in reversed(list(zip([None, *levels], levels, strict=False))):
            for _ in range(level.further):
                body += style.keeping(level.width)
            body += [] if finer is None else style.doubling(level, finer.width)
        last = style.up(levels[0], levels[0].width, channels)
        generator = BodyGenerator(latent_dim, shape, nn.Sequential(*body, last))
        draw_normal(generator, 0.02)
        return generator

    def critic(self, shape: tuple[int, ...]) -> Critic:
        channels, resolution = square_image(shape, "dcgan")
        levels = self._levels(resolution)
        style = LayerStyle(self.activation or "leaky-relu", self.normalization or "batch", self.kernel, self.pointwise)
        first = style.down(levels[0], channels, style.wide(levels[0].width))
        body: list[nn.Module] = [first, activation(style.act)]
        for finer, level in zip([None, *levels], levels, strict=False):
            body += [] if finer is None else style.halving(level, finer.width)
            for _ in range(level.further):
                body += style.keeping(level.width)
        features = levels[-1].width * levels[-1].coarse ** 2
        critic = ScoreCritic(shape, nn.Sequential(*body), features, style.norm)
        draw_normal(critic, 0.02)
        return critic

    def _levels(self, resolution: int) -> list[DCGANStage]:
        """The halvings, finest first."""
        sizes = halvings(resolution, 5)[: None if self.depth is None else self.depth + 1]
        count = len(sizes) - 1
        further = even_share((self.depth or max(count, LEAST)) - count, count)
        widths = [base_width(self.filters, resolution) * min(2**index, 16) for index in range(count)]
        return [DCGANStage(*level) for level in zip(sizes[:-1], sizes[1:], widths, further, strict=True)]


@dataclass(frozen=True)
class DCGANStage:
    """One halving: the map's side above and below it, the channels and the number of further layers below."""

    fine: int
    coarse: int
    width: int
    further: int


@dataclass(frozen=True)
class LayerStyle:
    """A player's activation, normalization and kernels; its layers are convolution, normalization, activation."""

    act: str
    norm: str
    kernel: int
    pointwise: bool

    @property
    def bias(self) -> bool:
        """Only where no normalization brings one."""
        return self.norm == "none"

    def wide(self, width: int) -> int:
        return width * expansion(self.act)

    def activated(self, channels: int) -> list[nn.Module]:
        return [normalization(self.norm, channels, maps=True), activation(self.act)]

    def keeping(self, width: int, side: int = 3) -> list[nn.Module]:
        wide = self.wide(width)
        return [nn.Conv2d(width, wide, side, padding=side // 2, bias=self.bias), *self.activated(wide)]

    def halving(self, level: DCGANStage, inputs: int) -> list[nn.Module]:
        wide = self.wide(level.width)
        return [self.down(level, inputs, wide, self.bias), *self.activated(wide), *self._mixing(level.width)]

    def doubling(self, level: DCGANStage, outputs: int) -> list[nn.Module]:
        wide = self.wide(outputs)
        return [self.up(level, level.width, wide, self.bias), *self.activated(wide), *self._mixing(outputs)]

    def _mixing(self, width: int) -> list[nn.Module]:
        return self.keeping(width, side=1) if self.pointwise else []

    def down(self, level: DCGANStage, inputs: int, outputs: int, bias: bool = True) -> nn.Conv2d:
        """From a level's fine map to its coarse one, whose side is half, rounded down."""
        return nn.Conv2d(inputs, outputs, self.kernel, 2, self._padding(level), bias=bias)

    def up(self, level: DCGANStage, inputs: int, outputs: int, bias: bool = True) -> nn.ConvTranspose2d:
        """From a level's coarse map to its fine one."""
        padding = self._padding(level)
        spare = level.fine - (2 * (level.coarse - 1) - 2 * padding + self.kernel)
        return nn.ConvTranspose2d(inputs, outputs, self.kernel, 2, padding, spare, bias=bias)

    def _padding(self, level: DCGANStage) -> int:
        return 2 if self.kernel == 5 and level.fine % 2 == 0 else 1
