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
"""Files that `smallest_and_largest` opens at most."""

Size = tuple[int, int]
"""(height, width)."""


def count_sizes(reader: ImageReader, max_files: int | None = None) -> Counter[Size]:
    """How many images have which (height, width), without those that cannot be read.

    Args:
        reader: the images; of a reader that computes its images, the size that it computes.
        max_files: how many files are opened at most, evenly spread; None opens all.
    """
    match reader:
        case ArrayReader():
            height, width = map(int, reader.array.shape[1:3])
            return Counter({(height, width): reader.count})
        case ItemReader():
            return Counter(reader.sizes)
        case EncodedReader():
            return _of_files(reader, max_files)
        case ChainReader():
            return sum((count_sizes(part, max_files) for part in reader.readers), Counter[Size]())
    return Counter({(reader.side(), reader.side()): reader.count})


def smallest_and_largest(reader: ImageReader) -> tuple[Size, ...]:
    """The smallest and the largest size by the shorter side, of 512 files at most; nothing where none can be read."""
    ordered = sorted(count_sizes(reader, MAX_FILES_FOR_SIZES), key=lambda size: (min(size), max(size)))
    return (ordered[0], ordered[-1]) if ordered else ()


def resize_clause(native: Sequence[Size], side: int) -> str:
    """How images of the `native` sizes became squares of `side` pixels, as a clause; empty where they were.

    >>> resize_clause([(8, 8), (8, 8)], 30), resize_clause([(480, 640), (768, 1024)], 64), resize_clause([(8, 8)], 8)
    ('scaled up from 8x8, which adds no detail', 'scaled down from 640x480 to 1024x768', '')
    """
    if all(size == (side, side) for size in native):
        return ""
    origin = " to ".join(dict.fromkeys(f"{width}x{height}" for height, width in native))
    smallest, largest = min(native[0]), min(native[-1])
    if smallest == largest == side:
        return f"cropped from {origin}"
    if smallest >= side:
        return f"scaled down from {origin}"
    which = "" if largest < side else ", the smaller ones up"
    return f"scaled{' up' if largest < side else ''} from {origin}{which}, which adds no detail"


def _of_files(reader: EncodedReader, max_files: int | None) -> Counter[Size]:
    def size(index: int) -> Size | None:
        try:
            return _size(reader, index)
        except Exception:  # decoding it reports the error
            return None

    counts: Counter[Size] = Counter()
    indices = range(0, reader.count, 1 if max_files is None else -(-reader.count // max_files) or 1)
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for start in range(0, len(indices), BLOCK_IMAGES):
            counts.update(shape for shape in pool.map(size, indices[start : start + BLOCK_IMAGES]) if shape is not None)
    return counts


def _size(reader: EncodedReader, index: int) -> Size:
    """The size from the header alone, EXIF orientation applied."""
    from PIL import Image

    data = reader.load(index)
    if not isinstance(data, bytes):
        height, width = data.shape[:2]
        return int(height), int(width)
    with Image.open(io.BytesIO(data)) as image:
        width, height = image.size
        is_rotated = image.getexif().get(_ORIENTATION, 1) in (5, 6, 7, 8)
    return (width, height) if is_rotated else (height, width)


_ORIENTATION = 0x0112
"""The EXIF tag of the orientation."""
