"""How large the images of a reader are, before any of them is decoded."""

from __future__ import annotations

import io
import os
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from twoplayer.data._reader import ArrayReader, ChainReader, EncodedReader, ImageReader, ItemReader

__all__ = ["Size", "count_sizes", "resize_clause", "smallest_and_largest"]

BLOCK_IMAGES = 1024
MAX_FILES_FOR_SIZES = 512
"""Files of which the smallest and the largest are told."""

Size = tuple[int, int]
"""(height, width)."""


def count_sizes(reader: ImageReader, most: int | None = None) -> Counter[Size]:
    """How many images have which (height, width); those that cannot be read count for none.

    Of files at most so many are opened, spread over all of them. Of a reader that makes its images itself, the side
    that it makes them in.
    """
    match reader:
        case ArrayReader():
            height, width = map(int, reader.array.shape[1:3])
            return Counter({(height, width): reader.count})
        case ItemReader():
            return Counter(reader.sizes)
        case EncodedReader():
            return _of_files(reader, most)
        case ChainReader():
            return sum((count_sizes(part, most) for part in reader.readers), Counter[Size]())
    return Counter({(reader.side(), reader.side()): reader.count})


def smallest_and_largest(reader: ImageReader) -> tuple[Size, ...]:
    """The smallest and the largest size by the shorter side, of 512 files at most; nothing where none can be read."""
    there = sorted(count_sizes(reader, MAX_FILES_FOR_SIZES), key=lambda size: (min(size), max(size)))
    return (there[0], there[-1]) if there else ()


def resize_clause(native: Sequence[Size], side: int) -> str:
    """What made squares of `side` pixels of images of these sizes, as a clause; empty where they were such squares.

    >>> resize_clause([(8, 8), (8, 8)], 30), resize_clause([(480, 640), (768, 1024)], 64), resize_clause([(8, 8)], 8)
    ('scaled up from 8x8, which adds no detail', 'scaled down from 640x480 to 1024x768', '')
    """
    if all(size == (side, side) for size in native):
        return ""
    origin = " to ".join(dict.fromkeys(f"{width}x{height}" for height, width in native))
    least, most = min(native[0]), min(native[-1])
    if least == most == side:
        return f"cropped from {origin}"
    if least >= side:
        return f"scaled down from {origin}"
    which = "" if most < side else ", the smaller ones up"
    return f"scaled{' up' if most < side else ''} from {origin}{which}, which adds no detail"


def _of_files(reader: EncodedReader, most: int | None) -> Counter[Size]:
    def size(index: int) -> Size | None:
        try:
            return _size(reader, index)
        except Exception:  # whoever decodes it says what is wrong with it
            return None

    found: Counter[Size] = Counter()
    chosen = range(0, reader.count, 1 if most is None else -(-reader.count // most) or 1)
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for start in range(0, len(chosen), BLOCK_IMAGES):
            found.update(shape for shape in pool.map(size, chosen[start : start + BLOCK_IMAGES]) if shape is not None)
    return found


def _size(reader: EncodedReader, index: int) -> Size:
    """By the header alone; one that is stored lying down by its upright size."""
    from PIL import Image

    data = reader.load(index)
    if not isinstance(data, bytes):
        height, width = data.shape[:2]
        return int(height), int(width)
    with Image.open(io.BytesIO(data)) as image:
        width, height = image.size
        turned = image.getexif().get(_ORIENTATION, 1) in (5, 6, 7, 8)
    return (width, height) if turned else (height, width)


_ORIENTATION = 0x0112
"""The tag of EXIF for how the camera was held."""
