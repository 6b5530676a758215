"""The root of the extractors that are networks: fixed batches, full precision, one device."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from twoplayer.extractors._base import Array, Extractor, Features

__all__ = ["NetworkExtractor", "coloured"]


class NetworkExtractor(Extractor):
    """Images through a network, in full precision whatever trained it: a figure is a property of the samples."""

    kind: ClassVar[Literal["images"]] = "images"

    def __init__(self, device: torch.device | str) -> None:
        self.device = torch.device(device)

    @abstractmethod
    def look(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """Features ``(B, F)``, and logits ``(B, K)`` or None, of images ``(B, C, H, W)`` in 0..255 on the device.

        Images come as bytes or as floating-point numbers; the network computes in the precision of its weights.
        """

    def see(self, batch: Array) -> Features:
        # A copy, because a read-only memory map makes a tensor that must not be written to.
        images = torch.from_numpy(np.array(batch)).permute(0, 3, 1, 2).to(self.device)
        with torch.no_grad(), _full_precision(self.device):
            features, logits = self.look(images)
        return Features(features.float().cpu().numpy(), None if logits is None else logits.float().cpu().numpy())


def coloured(images: Tensor) -> Tensor:
    """Images ``(B, 1 or 3, H, W)`` with three channels: gray ones have theirs three times."""
    return images.expand(-1, 3, -1, -1)


@contextmanager
def _full_precision(device: torch.device) -> Iterator[None]:
    """No autocast, and no convolutions in 19 bits, which graphics processors take for float32 unless told."""
    flags = torch.backends.cudnn.flags(
        enabled=torch.backends.cudnn.enabled, benchmark=False, deterministic=True, allow_tf32=False
    )
    with torch.autocast(device.type, enabled=False), flags:
        yield
