"""PatchGAN: a convolutional critic that scores every patch of an image by itself.

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
    """The fully convolutional critic of pix2pix and CycleGAN, for square images from 8 pixels; it has no generator.

    4x4 convolutions: `depth` of stride 2, one more of stride 1, and one that scores. The first and the last layer are
    not normalized. Weights start from N(0, 0.02²). A built critic also serves images of other sizes.

    Args:
        activation: ``"relu"``, ``"leaky-relu"`` (slope 0.2), ``"tanh"``, ``"softplus"`` (softplus(2x + 2)/2 − 1),
            ``"elu"`` or ``"gated"`` (a·sigmoid(b)). Default None: leaky-relu.
        normalization: ``"batch"``, ``"layer"``, ``"instance"`` or ``"none"``. Default None: batch.
        filters: Channels of the first layer, doubled with each layer, up to 8-fold. Default None: 32 up to 32 pixels,
            64 above.
        depth: Number of convolutions of stride 2, which sets the receptive field of a score: 16x16 pixels with 1, 34x34
            with 2, 70x70 with 3. Default None: 1 below 64 pixels, 2 below 128, else 3.

    Raises:
        UserError: If an option is unknown or out of range, or, when a network is built, if the shape is not supported.

    >>> import torch
    >>> PatchGAN(filters=4).critic(shape=(3, 64, 64))(torch.zeros(2, 3, 64, 64)).shape  # 14x14 patches
    torch.Size([2, 196])
    """

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
    """Maps images ``(B, *shape)`` to one score for each of P patches, ``(B, P)``, float32 at least.

    A loss averages over all patches of all images; the score of an image is the mean of its row.
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
    """A depth whose patches are at most about half of the image, as the paper's 70 of 256 and 286 pixels."""
    return 3 if resolution >= 128 else 2 if resolution >= 64 else 1
