"""Pixel values, averaged down to at most 32 x 32."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, Literal, final

import numpy as np

from twoplayer.core.ranges import Count, at_least
from twoplayer.extractors._base import DEFAULT_CONTEXT, Array, Extractor, ExtractorContext, ExtractorData, Features
from twoplayer.extractors._float64 import Float64Extractor

if TYPE_CHECKING:
    import torch
    from torch import Tensor

__all__ = ["Pixels"]


@final
class Pixels(Extractor, Float64Extractor):
    """Pixel values in [0, 1] as features ``(N, H·W·C)``.

    Args:
        data: not used.
        context: not used.
        side: images with a longer side are first averaged over squares of pixels until both sides are at most this
            many pixels, because covariances of tens of thousands of pixels are too large to compare.
    """

    kind: ClassVar[Literal["images"]] = "images"
    cheap: ClassVar[bool] = True
    dimension = None

    def __init__(
        self, data: ExtractorData | None = None, context: ExtractorContext = DEFAULT_CONTEXT, *, side: Count = 32
    ) -> None:
        at_least(1, side=side)
        self.side = side
        self.identity = f"pixels-{side}"
        self.label = "pixels" if side == 32 else f"pixels_{side}"

    def batch_size(self, shape: tuple[int, ...]) -> int:
        return max(1, 2**22 // int(np.prod(shape)))

    def extract_batch(self, batch: Array) -> Features:
        shrink = -(-max(batch.shape[1:3]) // self.side)
        return Features((_averaged(batch, shrink) / np.float32(255)).reshape(len(batch), -1))

    def in_float64(self, device: torch.device) -> Callable[[Tensor], Tensor]:
        from torch.nn.functional import avg_pool2d

        def features(images: Tensor) -> Tensor:
            shrink = -(-max(images.shape[2:]) // self.side)
            return avg_pool2d(images, shrink, ceil_mode=True).div(255).permute(0, 2, 3, 1).flatten(1)

        return features


def _averaged(images: Array, shrink: int) -> Array:
    """Means over squares of `shrink` pixels, float32; the last square of a row or column may be smaller."""
    if shrink == 1:
        return images.astype(np.float32)
    rows, columns = (range(0, images.shape[axis], shrink) for axis in (1, 2))
    sums = np.add.reduceat(np.add.reduceat(images, rows, axis=1, dtype=np.int64), columns, axis=2)
    tall, wide = (np.diff([*starts, images.shape[axis]]) for axis, starts in ((1, rows), (2, columns)))
    means: Array = (sums / (tall[:, None] * wide)[None, :, :, None]).astype(np.float32)
    return means
