"""Images streamed in blocks at their own size, without the cache: for measurements, which read each image once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

import numpy as np

from twoplayer.core.errors import UserError
from twoplayer.data._base import SkippedImage
from twoplayer.data._images import Images
from twoplayer.data._reader import ImageReader
from twoplayer.data._sizes import count_sizes
from twoplayer.data._types import Array

__all__ = ["ResizePlan", "plan_resize", "stream_images"]

BLOCK_BYTES = 64 * 2**20


class ResizePlan(NamedTuple):
    """The side of the squares that images are brought to, and what that does to them, in words."""

    side: int
    notes: tuple[str, ...]


def plan_resize(images: Images, reader: ImageReader, resolution: int | None) -> ResizePlan:
    """Squares of `resolution` pixels, or of the images' own size where that is one and None is given.

    Raises `UserError` where the images have several sizes, or none can be read.
    """
    sizes = count_sizes(reader)
    if not sizes:
        raise UserError(f"none of the {reader.count:,} images of {images.name} can be read: replace them")
    if resolution is None and len(sizes) > 1:
        examples = ", ".join(f"{n:,} of {_words(size)}" for size, n in sizes.most_common(3))
        raise UserError(
            f"the images of {images.name} have {len(sizes):,} sizes ({examples}): "
            "give a resolution, to which all are cropped and resized"
        )
    side = resolution or min(next(iter(sizes)))
    return ResizePlan(side, tuple(_notes(images.name, sizes, side)))


def stream_images(
    images: Images, reader: ImageReader, shape: tuple[int, int], rows: Array, skipped: list[SkippedImage]
) -> Iterator[Array]:
    """Blocks of the images `rows`, uint8 ``(B, side, side, channels)``, `shape` being (side, channels).

    What cannot be read is added to `skipped`; at the end, `UserError` where that was more than 1 %.
    """
    decoded = reader.rows(rows, *shape)
    length = max(1, min(2048, BLOCK_BYTES // (shape[0] ** 2 * shape[1])))
    while block := list(islice(decoded, length)):
        skipped += [row for row in block if isinstance(row, SkippedImage)]
        good = [row for row in block if not isinstance(row, SkippedImage)]
        if good:
            yield np.stack(good)
    images._accept(skipped, len(rows))


def _notes(name: str, sizes: Counter[tuple[int, int]], side: int) -> Iterator[str]:
    unlike = {size: n for size, n in sizes.items() if size != (side, side)}
    resized = {size: n for size, n in unlike.items() if min(size) != side}
    cropped = {size: n for size, n in unlike.items() if min(size) == side}
    if resized:
        sizes_ = _words(next(iter(resized))) if len(resized) == 1 else f"{len(resized):,} sizes"
        yield (
            f"{sum(resized.values()):,} images of {name} are cropped to centred squares and resized from {sizes_} to "
            f"{side}x{side} (Pillow's Lanczos, or bicubic where they grow)."
        )
    if cropped:
        sizes_ = _words(next(iter(cropped))) if len(cropped) == 1 else f"{len(cropped):,} sizes"
        number = sum(cropped.values())
        yield f"{number:,} images of {name} are cropped from {sizes_} to centred squares of {side}x{side}."


def _words(size: tuple[int, int]) -> str:
    height, width = size
    return f"{width}x{height}"
