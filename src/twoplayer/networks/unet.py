"""U-Net: an encoder and a decoder of 4x4 convolutions with skips between them, from images to images.

The encoder halves the map until 1x1 is left (at most 8 times), the decoder doubles it again, and each of its maps
is joined by the encoder's of the same size, so that what input and output share need not pass the narrow
middle. Channels begin with `filters` (64; 32 up to 32 pixels) and double up to 8-fold; `depth` is the number of
halvings. Leaky ReLU of slope 0.2 on the way down, ReLU on the way up; normalization (by batch; none at the first and
the innermost map); `dropout` in the first three layers of the decoder while training, which is all the noise that
pix2pix has. The paper leaves it on, with the test batch's statistics, when it translates; here a trained network drops
nothing, unless ``twoplayer translate --dropout`` asks it to, and normalizes by its running statistics, so that a
picture is translated the same each time, whatever pictures come with it. Weights start from N(0, 0.02²), but for those
that training on pictures of one size never uses: they are 0, so that larger pictures meet no noise in the middle.

Source: Isola, Zhu, Zhou & Efros 2017, Image-to-Image Translation with Conditional Adversarial Networks
(arXiv 1611.07004), section 3.2.1 and appendix 6.1; the shape is from Ronneberger, Fischer & Brox 2015, U-Net.
"""

from dataclasses import dataclass
from typing import Annotated, final

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from twoplayer.networks._activations import activation, expansion
from twoplayer.networks._dropout import Dropout
from twoplayer.networks._initialization import draw_normal
from twoplayer.networks._normalization import normalization
from twoplayer.networks._shapes import base_width, square_image
from twoplayer.networks._translation import Translator, TranslatorArchitecture

__all__ = ["UNet"]

MOST_HALVINGS, WITH_DROPOUT = 8, 3


@final
@dataclass(frozen=True, kw_only=True)
class UNet(TranslatorArchitecture):
    """The paper's generator, from 8 to 256 pixels."""

    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5
    """Share of values set to 0 in the decoder's first layers while training."""

    def translator(self, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> Translator:
        channels, resolution = square_image(inputs, "unet")
        levels = self._levels(resolution)
        base = base_width(self.filters, resolution)
        widths = [base * min(2**level, 8) for level in range(levels)]
        body: nn.Module | None = None
        for level in reversed(range(levels)):
            above = widths[level - 1] if level else channels
            leaving = widths[level - 1] if level else outputs[0]
            body = self._level(level, levels, above, widths[level], leaving, body)
        assert body is not None
        draw_normal(body, 0.02)
        if resolution == 2**levels:
            _keep_to_blocks(body)
        return Translator(channels, outputs[0], 2**levels, body)

    def _levels(self, resolution: int) -> int:
        return min(self.depth or MOST_HALVINGS, MOST_HALVINGS, resolution.bit_length() - 1)

    def _level(
        self, level: int, levels: int, above: int, width: int, leaving: int, inner: nn.Module | None
    ) -> nn.Module:
        """One halving, whatever lies below it, and one doubling, from `above` channels to `leaving`."""
        norm, first = self.normalization or "batch", level == 0
        plain = first or inner is None or norm == "none"
        coming = width * (1 if inner is None else 2)
        down_act, up_act = self.activation or "leaky-relu", self.activation or "relu"
        wide = width * expansion(down_act)
        down = [
            nn.Conv2d(above, wide, 4, 2, 1, bias=plain),
            normalization("none" if plain else norm, wide, maps=True),
            activation(down_act),
        ]
        grown = leaving if first else leaving * expansion(up_act)
        up: list[nn.Module] = [nn.ConvTranspose2d(coming, grown, 4, 2, 1, bias=first or norm == "none")]
        if not first:
            up += [normalization(norm, grown, maps=True)]
            up += [Dropout(self.dropout)] if self.dropout and levels - level <= WITH_DROPOUT else []
            up += [activation(up_act)]
        body = nn.Sequential(*down, *([] if inner is None else [inner]), *up)
        return body if first else Skip(body)


@final
class Skip(nn.Module):
    """x ``(B, C, H, W)`` beside what `body` makes of it, ``(B, C + C', H, W)``."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.body(x)], 1)


@torch.no_grad()
def _keep_to_blocks(body: nn.Module) -> None:
    """Close the rim of the two innermost kernels, which halve 2x2 to 1x1 and double it again.

    At that size the rim lies on padding alone, so that no gradient ever reaches it; on a larger picture's maps it would
    mix each block of 2x2 with its neighbours by the random numbers it started from.
    """
    halving = [module for module in body.modules() if isinstance(module, nn.Conv2d)][-1]
    doubling = next(module for module in body.modules() if isinstance(module, nn.ConvTranspose2d))
    for layer in (halving, doubling):
        layer.weight.mul_(F.pad(torch.ones(2, 2), (1, 1, 1, 1)))
