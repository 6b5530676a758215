"""The roots of the extractors that are networks: fixed batches, full precision, one device."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import ClassVar, Literal, final

import numpy as np
import torch
from torch import Tensor, nn

from twoplayer.extractors._base import Array, Extractor, Features
from twoplayer.extractors._float64 import Float64Extractor

__all__ = ["Float64NetworkExtractor", "NetworkExtractor", "coloured"]


class NetworkExtractor(Extractor):
    """A network applied to images in full float32 precision, whatever precision a run was trained in."""

    kind: ClassVar[Literal["images"]] = "images"

    def __init__(self, device: torch.device | str) -> None:
        self.device = torch.device(device)

    @abstractmethod
    def forward_features(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """Features ``(B, F)``, and logits ``(B, K)`` or None, of images ``(B, C, H, W)`` in [0, 255] on the device.

        Images are uint8 or floating-point numbers; the network computes in the precision of its weights.
        """

    def extract_batch(self, batch: Array) -> Features:
        # A copy, because a read-only memory map makes a tensor that must not be written to.
        images = torch.from_numpy(np.array(batch)).permute(0, 3, 1, 2).to(self.device)
        with torch.no_grad(), _full_precision(self.device):
            features, logits = self.forward_features(images)
        return Features(features.float().cpu().numpy(), None if logits is None else logits.float().cpu().numpy())


class Float64NetworkExtractor(NetworkExtractor, Float64Extractor):
    """An extractor whose attribute `network` holds all of its weights, so that a float64 copy of it can be made."""

    network: nn.Module

    @final
    def in_float64(self, device: torch.device) -> Callable[[Tensor], Tensor]:
        twin = deepcopy(self)
        twin.network.to(device).double()
        return lambda images: twin.forward_features(images)[0]


def coloured(images: Tensor) -> Tensor:
    """Images ``(B, 1 or 3, H, W)`` with three channels; the channel of gray ones is repeated."""
    return images.expand(-1, 3, -1, -1)


@contextmanager
def _full_precision(device: torch.device) -> Iterator[None]:
    """Switch off autocast and TensorFloat-32 convolutions, which are on by default on NVIDIA GPUs."""
    flags = torch.backends.cudnn.flags(
        enabled=torch.backends.cudnn.enabled, benchmark=False, deterministic=True, allow_tf32=False
    )
    with torch.autocast(device.type, enabled=False), flags:
        yield
