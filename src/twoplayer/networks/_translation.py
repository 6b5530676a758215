"""The roots of networks that translate images: images in, images of the same size out."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import NoReturn

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from twoplayer.core.errors import UserError
from twoplayer.networks._configurable import ConfigurableArchitecture
from twoplayer.networks._precision import widen

__all__ = ["Translator", "TranslatorArchitecture"]


class Translator(nn.Module):
    """Maps images ``(B, inputs, H, W)`` to images ``(B, outputs, H, W)`` in [-1, 1], with a final tanh.

    H and W may be any size, also larger than in training: images are padded at the right and the lower edge to the next
    multiple of `step`, by reflection, and cropped afterwards.

    Args:
        inputs: Channels of an input image.
        outputs: Channels of an output image.
        step: The multiple of pixels that `body` requires of both sides.
        body: Maps padded images to images of the same size, before the tanh.
    """

    def __init__(self, inputs: int, outputs: int, step: int, body: nn.Module) -> None:
        super().__init__()
        self.inputs, self.outputs, self.step = inputs, outputs, step
        self.body = body

    def forward(self, images: Tensor) -> Tensor:
        height, width = images.shape[2:]
        padded = _pad(images, -height % self.step, -width % self.step)
        translated: Tensor = torch.tanh(widen(self.body(padded)))
        return translated[:, :, :height, :width]


@dataclass(frozen=True, kw_only=True)
class TranslatorArchitecture(ConfigurableArchitecture, ABC):
    """An architecture for the generators of translation games; it has no generator of latents and no critic."""

    @abstractmethod
    def translator(self, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> Translator:
        """A network from images of shape `inputs`, ``(C, H, W)``, to images of shape `outputs`, of the same size."""

    def generator(self, latent_dim: int, shape: tuple[int, ...]) -> NoReturn:
        raise UserError(
            f"{_name(self)} turns images into images, and this game's generator makes them of latents: take another "
            "generator, such as dcgan or resnet"
        )

    def critic(self, shape: tuple[int, ...]) -> NoReturn:
        raise UserError(f"{_name(self)} turns images into images and scores none: take another critic, such as dcgan")


def _pad(images: Tensor, down: int, right: int) -> Tensor:
    """Images padded below and at the right: by reflection, or by repetition where they are too small for that."""
    if not (down or right):
        return images
    mode = "reflect" if down < images.shape[2] and right < images.shape[3] else "replicate"
    return F.pad(images, (0, right, 0, down), mode=mode)


def _name(architecture: object) -> str:
    return type(architecture).__module__.rsplit(".", 1)[-1].replace("_", "-")
