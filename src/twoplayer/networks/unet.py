"""U-Net: an encoder and a decoder of 4x4 convolutions with skip connections between them, from images to images.

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

MAX_HALVINGS, LEVELS_WITH_DROPOUT = 8, 3


@final
@dataclass(frozen=True, kw_only=True)
class UNet(TranslatorArchitecture):
    """The generator of pix2pix, from images to images, for square training images of 8 to 256 pixels.

    The encoder halves the map until it is 1x1, at most 8 times; the decoder doubles it again, and the encoder's map of
    the same size is concatenated to each of its maps, so that what input and output share need not pass the bottleneck.
    The first and the innermost map are not normalized. Weights start from N(0, 0.02²), except for those that training
    on images of one size never uses: they are 0, so that larger images are not disturbed by untrained weights.

    Dropout is all the noise that pix2pix has. The paper leaves it on when it translates, with the statistics of the
    test batch; here a trained network drops nothing, unless ``twoplayer translate --dropout`` requests it, and
    normalizes by its running statistics, so that the translation of an image is always the same, whatever else is in
    its batch.

    Args:
        activation: ``"relu"``, ``"leaky-relu"`` (slope 0.2), ``"tanh"``, ``"softplus"`` (softplus(2x + 2)/2 − 1),
            ``"elu"`` or ``"gated"`` (a·sigmoid(b)). Default None: leaky-relu in the encoder, relu in the decoder.
        normalization: ``"batch"``, ``"layer"``, ``"instance"`` or ``"none"``. Default None: batch.
        filters: Channels of the finest map, doubled with each halving, up to 8-fold. Default None: 32 up to 32 pixels,
            64 above.
        depth: Number of halvings, at most 8. Default None: until the map is 1x1.
        dropout: Probability that a value is set to 0 in the decoder's three innermost layers while training, 0 <= p <
            1. Default 0.5.

    Raises:
        UserError: If an option is unknown or out of range, or, when a network is built, if the shape is not supported.

    >>> import torch
    >>> unet = UNet(filters=4).translator((1, 32, 32), (3, 32, 32))
    >>> unet(torch.zeros(2, 1, 32, 32)).shape
    torch.Size([2, 3, 32, 32])
    """

    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5

    def translator(self, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> Translator:
        channels, resolution = square_image(inputs, "unet")
        levels = self._levels(resolution)
        base = base_width(self.filters, resolution)
        widths = [base * min(2**level, 8) for level in range(levels)]
        body: nn.Module | None = None
        for level in reversed(range(levels)):
            level_inputs = widths[level - 1] if level else channels
            level_outputs = widths[level - 1] if level else outputs[0]
            body = self._level(level, levels, level_inputs, widths[level], level_outputs, body)
        assert body is not None
        draw_normal(body, 0.02)
        if resolution == 2**levels:
            _zero_unused_taps(body)
        return Translator(channels, outputs[0], 2**levels, body)

    def _levels(self, resolution: int) -> int:
        return min(self.depth or MAX_HALVINGS, MAX_HALVINGS, resolution.bit_length() - 1)

    def _level(
        self, level: int, levels: int, inputs: int, width: int, outputs: int, inner: nn.Module | None
    ) -> nn.Module:
        """One halving, the inner levels, and one doubling: from `inputs` channels to `outputs`."""
        norm, first = self.normalization or "batch", level == 0
        without_norm = first or inner is None or norm == "none"
        decoder_inputs = width * (1 if inner is None else 2)
        down_act, up_act = self.activation or "leaky-relu", self.activation or "relu"
        wide = width * expansion(down_act)
        down = [
            nn.Conv2d(inputs, wide, 4, 2, 1, bias=without_norm),
            normalization("none" if without_norm else norm, wide, maps=True),
            activation(down_act),
        ]
        decoder_outputs = outputs if first else outputs * expansion(up_act)
        up: list[nn.Module] = [
            nn.ConvTranspose2d(decoder_inputs, decoder_outputs, 4, 2, 1, bias=first or norm == "none")
        ]
        if not first:
            up += [normalization(norm, decoder_outputs, maps=True)]
            up += [Dropout(self.dropout)] if self.dropout and levels - level <= LEVELS_WITH_DROPOUT else []
            up += [activation(up_act)]
        body = nn.Sequential(*down, *([] if inner is None else [inner]), *up)
        return body if first else Skip(body)


@final
class Skip(nn.Module):
    """x ``(B, C, H, W)`` concatenated with ``body(x)``: ``(B, C + C', H, W)``."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.body(x)], 1)


@torch.no_grad()
def _zero_unused_taps(body: nn.Module) -> None:
    """Set to 0 the outer taps of the two innermost kernels, which halve 2x2 to 1x1 and double it again.

    At that size the outer taps lie on padding alone, so that no gradient ever reaches them; on the maps of a larger
    image they would mix each block of 2x2 with its neighbours by their random initial values.
    """
    halving = [module for module in body.modules() if isinstance(module, nn.Conv2d)][-1]
    doubling = next(module for module in body.modules() if isinstance(module, nn.ConvTranspose2d))
    for layer in (halving, doubling):
        layer.weight.mul_(F.pad(torch.ones(2, 2), (1, 1, 1, 1)))
