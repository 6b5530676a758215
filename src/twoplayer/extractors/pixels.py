"""The pixels themselves, averaged down to at most 32 x 32: no network at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, Literal, final

import numpy as np

from twoplayer.core.ranges import Count, at_least
from twoplayer.extractors._base import HERE, Array, Extractor, ExtractorContext, ExtractorData, Features
from twoplayer.extractors._exact import Exact

if TYPE_CHECKING:
    import torch
    from torch import Tensor

__all__ = ["Pixels"]


@final
class Pixels(Extractor, Exact):
    """Pixels in [0, 1], row by row.

    Images with sides above `side` are averaged over squares of whole numbers of pixels first: a distance between
    covariances of tens of thousands of pixels would say little and cost hours.
    """

    kind: ClassVar[Literal["images"]] = "images"
    cheap: ClassVar[bool] = True
    size = None

    def __init__(self, data: ExtractorData | None = None, where: ExtractorContext = HERE, *, side: Count = 32) -> None:
        at_least(1, side=side)
        self.side = side
        self.identity = f"pixels-{side}"
        self.label = "pixels" if side == 32 else f"pixels_{side}"

    def batch(self, shape: tuple[int, ...]) -> int:
        return max(1, 2**22 // int(np.prod(shape)))

    def see(self, batch: Array) -> Features:
        shrink = -(-max(batch.shape[1:3]) // self.side)
        return Features((_averaged(batch, shrink) / np.float32(255)).reshape(len(batch), -1))

    def exact(self, device: torch.device) -> Callable[[Tensor], Tensor]:
        from torch.nn.functional import avg_pool2d

        def look(images: Tensor) -> Tensor:
            shrink = -(-max(images.shape[2:]) // self.side)
            return avg_pool2d(images, shrink, ceil_mode=True).div(255).permute(0, 2, 3, 1).flatten(1)

        return look


def _averaged(images: Array, shrink: int) -> Array:
    """Means over squares of `shrink` pixels, the last ones of a row or column over what is left, float32."""
    if shrink == 1:
        return images.astype(np.float32)
    rows, columns = (range(0, images.shape[axis], shrink) for axis in (1, 2))
    sums = np.add.reduceat(np.add.reduceat(images, rows, axis=1, dtype=np.int64), columns, axis=2)
    tall, wide = (np.diff([*starts, images.shape[axis]]) for axis, starts in ((1, rows), (2, columns)))
    means: Array = (sums / (tall[:, None] * wide)[None, :, :, None]).astype(np.float32)
    return means
