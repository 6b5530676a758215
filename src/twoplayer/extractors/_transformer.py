"""The root of the vision transformers: loading, resizing and scaling as in their papers."""

from __future__ import annotations

import re
from abc import abstractmethod
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from twoplayer.core.errors import UserError
from twoplayer.extractors._base import ExtractorContext
from twoplayer.extractors._identity import of_weights
from twoplayer.extractors._network import NetworkExtractor, coloured

__all__ = ["TransformerExtractor", "resized"]


class TransformerExtractor(NetworkExtractor):
    """A vision transformer of the Hugging Face hub, or of a folder written by ``save_pretrained``.

    Images are resized to squares of `side` pixels by bicubic interpolation with antialiasing, as Pillow computes it,
    and standardized per channel.

    Args:
        context: device and progress callback.
        model: name on the Hugging Face hub, or a folder.
        side: side of the resized images, pixels.

    Raises:
        UserError: where the package transformers or the weights are missing.
    """

    default: ClassVar[str]
    """The model of the published protocol."""
    native: ClassVar[int]
    """Side of the images of the published protocol, pixels."""
    member: ClassVar[str]
    model_class: ClassVar[str]
    mean: ClassVar[tuple[float, float, float]]
    deviation: ClassVar[tuple[float, float, float]]

    def __init__(self, context: ExtractorContext, model: str, side: int) -> None:
        super().__init__(context.device)
        self.side = side
        self.network = _loaded(self.model_class, self.member, model, context).to(self.device)
        self.identity = of_weights(f"{self.member}/{side}", self.network.state_dict())
        last = re.sub(r"[^a-z0-9]+", "_", model.rstrip("/").rpartition("/")[2].lower()).strip("_")
        own = self.member if model == self.default else f"{self.member}_{last.removeprefix(self.member + '_')}"
        self.label = own if side == self.native else f"{own}_{side}"

    @abstractmethod
    def embed(self, pixels: Tensor) -> Tensor:
        """The features of resized and scaled images ``(B, 3, side, side)``."""

    def batch_size(self, shape: tuple[int, ...]) -> int:
        return 16 if self.device.type == "cpu" else 64

    def forward_features(self, images: Tensor) -> tuple[Tensor, None]:
        pixels = resized(coloured(images), self.side).div(255)
        mean, deviation = (pixels.new_tensor(x).view(1, 3, 1, 1) for x in (self.mean, self.deviation))
        return self.embed((pixels - mean) / deviation), None


def resized(images: Tensor, side: int) -> Tensor:
    """Images ``(B, C, H, W)`` in [0, 255] as squares of `side` pixels by Pillow's bicubic filter; uint8 is rounded."""
    pixels = images if images.is_floating_point() else images.float()
    if images.shape[2:] == (side, side):
        return pixels
    pixels = interpolate(pixels, (side, side), mode="bicubic", antialias=True).clamp(0, 255)
    return pixels if images.is_floating_point() else pixels.round()


def _loaded(model_class: str, member: str, model: str, context: ExtractorContext) -> Any:
    try:
        import transformers
    except ImportError:
        raise UserError(f"the {member} extractor needs transformers: pip install transformers") from None
    if context.progress:
        context.progress(f"loading {model}")
    try:
        network = getattr(transformers, model_class).from_pretrained(model)
    except (OSError, ValueError, RuntimeError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".:")
        raise UserError(
            f"cannot load {model} ({reason}): connect, or give the extractor's option model the folder of a saved one"
        ) from error
    return network.to(torch.float32).eval().requires_grad_(False)
