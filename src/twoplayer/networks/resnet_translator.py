"""Two halvings, residual blocks, two doublings: CycleGAN's generator, from images to images.

Source: Zhu, Park, Isola & Efros 2017, Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial
Networks (arXiv 1703.10593), section 4 and appendix 7.2; after Johnson, Alahi & Fei-Fei 2016.
"""

from dataclasses import dataclass
from typing import final

from torch import Tensor, nn

from twoplayer.networks._activations import activation, expansion
from twoplayer.networks._initialization import draw_normal
from twoplayer.networks._normalization import normalization
from twoplayer.networks._shapes import base_width, square_image
from twoplayer.networks._translation import Translator, TranslatorArchitecture

__all__ = ["ResNetTranslator"]


@final
@dataclass(frozen=True, kw_only=True)
class ResNetTranslator(TranslatorArchitecture):
    """The generator of CycleGAN, from images to images, for square training images of 8 to 256 pixels.

    In the paper's notation (appendix 7.2): c7s1-F, d2F, d4F, then `depth` residual blocks R4F, then u2F, uF and c7s1,
    where F is `filters`. Edges are padded by reflection; every convolution but the last is followed by normalization
    and activation. Weights start from N(0, 0.02²).

    Args:
        activation: ``"relu"``, ``"leaky-relu"`` (slope 0.2), ``"tanh"``, ``"softplus"`` (softplus(2x + 2)/2 − 1),
            ``"elu"`` or ``"gated"`` (a·sigmoid(b)). Default None: relu.
        normalization: ``"batch"``, ``"layer"``, ``"instance"`` or ``"none"``. Default None: instance.
        filters: F, the channels of the first layer, at least 1. Default None: 32 up to 32 pixels, 64 above.
        depth: Number of residual blocks, at least 1. Default None: 6 up to 128 pixels, 9 above, as in the paper.

    Raises:
        UserError: If an option is unknown or out of range, or, when a network is built, if the shape is not supported.

    >>> import torch
    >>> network = ResNetTranslator(filters=4, depth=1).translator((3, 16, 16), (3, 16, 16))
    >>> network(torch.zeros(2, 3, 16, 16)).shape
    torch.Size([2, 3, 16, 16])
    """

    def translator(self, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> Translator:
        channels, resolution = square_image(inputs, "resnet-translator")
        width = base_width(self.filters, resolution)
        body: list[nn.Module] = [nn.ReflectionPad2d(3), *self._convolution(channels, width, 7, 1, 0)]
        for level in (1, 2):
            body += self._convolution(width * level, width * 2 * level, 3, 2, 1)
        body += [TranslatorBlock(self._branch(4 * width)) for _ in range(self.depth or (6 if resolution <= 128 else 9))]
        for level in (2, 1):
            body += self._upsampling(width * 2 * level, width * level)
        body += [nn.ReflectionPad2d(3), nn.Conv2d(width, outputs[0], 7)]
        whole = nn.Sequential(*body)
        draw_normal(whole, 0.02)
        return Translator(channels, outputs[0], 4, whole)

    @property
    def _norm(self) -> str:
        return self.normalization or "instance"

    @property
    def _act(self) -> str:
        return self.activation or "relu"

    def _activated(self, wide: int) -> list[nn.Module]:
        return [normalization(self._norm, wide, maps=True), activation(self._act)]

    def _convolution(self, inputs: int, outputs: int, kernel: int, stride: int, padding: int) -> list[nn.Module]:
        wide = outputs * expansion(self._act)
        conv = nn.Conv2d(inputs, wide, kernel, stride, padding, bias=self._norm == "none")
        return [conv, *self._activated(wide)]

    def _upsampling(self, inputs: int, outputs: int) -> list[nn.Module]:
        wide = outputs * expansion(self._act)
        up = nn.ConvTranspose2d(inputs, wide, 3, 2, 1, output_padding=1, bias=self._norm == "none")
        return [up, *self._activated(wide)]

    def _branch(self, width: int) -> nn.Module:
        first = [nn.ReflectionPad2d(1), *self._convolution(width, width, 3, 1, 0)]
        second = nn.Conv2d(width, width, 3, bias=self._norm == "none")
        return nn.Sequential(*first, nn.ReflectionPad2d(1), second, normalization(self._norm, width, maps=True))


@final
class TranslatorBlock(nn.Module):
    """x + branch(x), without an activation after the sum."""

    def __init__(self, branch: nn.Module) -> None:
        super().__init__()
        self.branch = branch

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.branch(x)
        return out
