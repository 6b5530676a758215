"""PatchGAN: a convolutional critic that scores every patch of a picture by itself.

4x4 convolutions: `depth` of stride 2, one more of stride 1, and one that scores. Channels begin with `filters` (64;
32 up to 32 pixels) and double with each layer up to 8-fold. With `depth` 3, the default from 128 pixels, each score
sees 70x70 pixels; with 2, the default from 64, it sees 34x34, and with 1, below, 16x16. No normalization in the first
and last layer, by batch in the others; leaky ReLU of slope 0.2. Fully convolutional, so it serves pictures of any
size. Weights start from N(0, 0.02²).

Source: Isola, Zhu, Zhou & Efros 2017, Image-to-Image Translation with Conditional Adversarial Networks
(arXiv 1611.07004), section 3.2.2 and appendix 6.1.2.
"""

from dataclasses import dataclass
from typing import NoReturn, final

from torch import Tensor, nn

from twoplayer.core.errors import UserError
from twoplayer.networks._activations import activation, expansion
from twoplayer.networks._base import Critic
from twoplayer.networks._configurable import ConfigurableArchitecture
from twoplayer.networks._initialization import draw_normal
from twoplayer.networks._normalization import normalization
from twoplayer.networks._precision import widen
from twoplayer.networks._shapes import base_width, square_image

__all__ = ["PatchGAN"]


@final
@dataclass(frozen=True, kw_only=True)
class PatchGAN(ConfigurableArchitecture):
    """The paper's critic, from 8 pixels up."""

    def generator(self, latent_dim: int, shape: tuple[int, ...]) -> NoReturn:
        raise UserError("patchgan is a critic and makes no samples: take another generator, such as dcgan or unet")

    def critic(self, shape: tuple[int, ...]) -> Critic:
        channels, resolution = square_image(shape, "patchgan")
        depth = min(self.depth or _depth(resolution), resolution.bit_length() - 3)
        base, act, norm = base_width(self.filters, resolution), self.activation or "leaky-relu", self.normalization
        norm = norm or "batch"
        body: list[nn.Module] = []
        inputs = channels
        for layer in range(depth + 1):
            width, plain = base * min(2**layer, 8), layer == 0 or norm == "none"
            wide = width * expansion(act)
            body += [nn.Conv2d(inputs, wide, 4, 2 if layer < depth else 1, 1, bias=plain)]
            body += [normalization("none" if plain else norm, wide, maps=True), activation(act)]
            inputs = width
        critic = PatchCritic(shape, nn.Sequential(*body), nn.Conv2d(inputs, 1, 4, 1, 1), norm)
        draw_normal(critic, 0.02)
        return critic


@final
class PatchCritic(Critic):
    """Pictures ``(B, *shape)`` to one score for each of P patches, ``(B, P)``, float32 at least.

    A loss takes its mean over all patches of all pictures; a picture's own score is the mean of its row.
    """

    def __init__(self, shape: tuple[int, ...], body: nn.Module, score: nn.Module, normalization: str) -> None:
        super().__init__()
        self.shape, self.normalization = shape, normalization
        self.body, self.score = body, score

    def features(self, samples: Tensor) -> Tensor:
        hidden: Tensor = self.body(samples)
        return hidden.flatten(1)

    def forward(self, samples: Tensor) -> Tensor:
        return widen(self.score(self.body(samples))).flatten(1)


def _depth(resolution: int) -> int:
    """So that a patch is some half of the picture at most, as in the paper's 70 of 256 and 286."""
    return 3 if resolution >= 128 else 2 if resolution >= 64 else 1
