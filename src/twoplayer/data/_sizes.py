"""How large the images of a reader are, before any of them is decoded."""

from __future__ import annotations

import io
import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from twoplayer.data._reader import ArrayReader, ChainReader, EncodedReader, Reader

__all__ = ["sizes"]

BLOCK = 1024


def sizes(reader: Reader) -> Counter[tuple[int, int]]:
    """How many images have which (height, width); those that cannot be read count for none.

    Of a reader that makes its images itself, the side that it makes them in.
    """
    match reader:
        case ArrayReader():
            height, width = map(int, reader.array.shape[1:3])
            return Counter({(height, width): reader.count})
        case EncodedReader():
            return _of_files(reader)
        case ChainReader():
            return sum((sizes(part) for part in reader.readers), Counter[tuple[int, int]]())
    return Counter({(reader.side(), reader.side()): reader.count})


def _of_files(reader: EncodedReader) -> Counter[tuple[int, int]]:
    def size(index: int) -> tuple[int, int] | None:
        try:
            return _size(reader, index)
        except Exception:  # whoever decodes it says what is wrong with it
            return None

    found: Counter[tuple[int, int]] = Counter()
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for start in range(0, reader.count, BLOCK):
            block = range(start, min(start + BLOCK, reader.count))
            found.update(shape for shape in pool.map(size, block) if shape is not None)
    return found


def _size(reader: EncodedReader, index: int) -> tuple[int, int]:
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
