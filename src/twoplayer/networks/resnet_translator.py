"""Two halvings, residual blocks, two doublings: CycleGAN's generator, from images to images.

c7s1-F, d2F, d4F, then `depth` residual blocks of two 3x3 convolutions at 4F channels, then u2F, uF and c7s1; F is
`filters` (64; 32 up to 32 pixels). By default 6 blocks up to 128 pixels, 9 above. Edges are reflected, every
convolution but the last is followed by instance normalization and ReLU. Weights start from N(0, 0.02²).

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
    """The paper's generator, from 8 to 256 pixels."""

    def translator(self, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> Translator:
        channels, resolution = square_image(inputs, "resnet-translator")
        width = base_width(self.filters, resolution)
        body: list[nn.Module] = [nn.ReflectionPad2d(3), *self._convolved(channels, width, 7, 1, 0)]
        for level in (1, 2):
            body += self._convolved(width * level, width * 2 * level, 3, 2, 1)
        body += [TranslatorBlock(self._branch(4 * width)) for _ in range(self.depth or (6 if resolution <= 128 else 9))]
        for level in (2, 1):
            body += self._doubled(width * 2 * level, width * level)
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

    def _convolved(self, inputs: int, outputs: int, kernel: int, stride: int, padding: int) -> list[nn.Module]:
        wide = outputs * expansion(self._act)
        conv = nn.Conv2d(inputs, wide, kernel, stride, padding, bias=self._norm == "none")
        return [conv, *self._activated(wide)]

    def _doubled(self, inputs: int, outputs: int) -> list[nn.Module]:
        wide = outputs * expansion(self._act)
        up = nn.ConvTranspose2d(inputs, wide, 3, 2, 1, output_padding=1, bias=self._norm == "none")
        return [up, *self._activated(wide)]

    def _branch(self, width: int) -> nn.Module:
        first = [nn.ReflectionPad2d(1), *self._convolved(width, width, 3, 1, 0)]
        second = nn.Conv2d(width, width, 3, bias=self._norm == "none")
        return nn.Sequential(*first, nn.ReflectionPad2d(1), second, normalization(self._norm, width, maps=True))


@final
class TranslatorBlock(nn.Module):
    """x + branch(x), no activation behind the sum."""

    def __init__(self, branch: nn.Module) -> None:
        super().__init__()
        self.branch = branch

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.branch(x)
        return out
