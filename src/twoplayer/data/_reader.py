"""Images before they have one size: a sequence that turns any of its items into rows of a given size."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from twoplayer.data import _pixels
from twoplayer.data._annotations import NO_ANNOTATIONS, Annotations
from twoplayer.data._base import SkippedImage
from twoplayer.data._labels import UNLABELLED, Labels
from twoplayer.data._types import Array

__all__ = ["ArrayReader", "ChainReader", "Decode", "EncodedReader", "ImageReader", "ItemReader", "PairedReader", "Row"]

Row = Array | SkippedImage
Decode = Callable[[bytes | Array, int, int], Array]
BLOCK_IMAGES = 256


class ImageReader(ABC):
    """`count` images, of which those from `first_test` on are the source's own test part, if it has one."""

    count: int
    labels: Labels = UNLABELLED
    annotations: Annotations = NO_ANNOTATIONS
    first_test: int | None = None

    @abstractmethod
    def channels(self) -> int:
        """1 where every image is stored as gray, else 3."""

    @abstractmethod
    def side(self) -> int:
        """The side of the largest centred square of the first image, in pixels."""

    @abstractmethod
    def rows(self, indices: Array, side: int, channels: int) -> Iterator[Row]:
        """Images `indices` as uint8 ``(side, side, channels)``, or why one could not be read, in order."""


class ArrayReader(ImageReader):
    """Images in an array ``(N, H, W)`` or ``(N, H, W, C)``, possibly memory-mapped.

    `to_uint8` converts a block of them (float images, say).
    """

    def __init__(
        self,
        array: Array,
        labels: Labels = UNLABELLED,
        *,
        first_test: int | None = None,
        to_uint8: Callable[[Array], Array] = np.asarray,
    ) -> None:
        self.array = array if array.ndim == 4 else array[..., None]
        self.count, self.labels, self.first_test = len(array), labels, first_test
        self.to_uint8 = to_uint8

    def channels(self) -> int:
        return 1 if self.array.shape[3] == 1 else 3

    def side(self) -> int:
        return int(min(self.array.shape[1:3]))

    def rows(self, indices: Array, side: int, channels: int) -> Iterator[Row]:
        for start in range(0, len(indices), BLOCK_IMAGES):
            block = self.to_uint8(self.array[indices[start : start + BLOCK_IMAGES]])
            if block.shape[1:] == (side, side, channels):
                yield from block
            else:
                yield from (_pixels.to_square(image, side, channels) for image in block)


class ItemReader(ImageReader):
    """Images that a Python object yields one at a time, in the thread that asks for them.

    Args:
        item: the image of an index, ``(H, W)`` or ``(H, W, C)``, of any type that `to_uint8` takes.
        sizes: how many images have which (height, width).
        channels: 1 where every image is gray, else 3.
        labels: one label per image, or none.
        to_uint8: conversion of an image's values to 0..255.
    """

    def __init__(
        self,
        item: Callable[[int], Array],
        sizes: Counter[tuple[int, int]],
        channels: int,
        labels: Labels = UNLABELLED,
        *,
        to_uint8: Callable[[Array], Array] = np.asarray,
    ) -> None:
        self.item, self.sizes, self.labels, self.to_uint8 = item, sizes, labels, to_uint8
        self.count, self._channels = sizes.total(), channels

    def channels(self) -> int:
        return self._channels

    def side(self) -> int:
        return min(min(size) for size in self.sizes)

    def rows(self, indices: Array, side: int, channels: int) -> Iterator[Row]:
        for index in map(int, indices):
            yield _pixels.to_square(self.to_uint8(self.item(index)), side, channels)


class EncodedReader(ImageReader):
    """Images in files: `load(i)` gives the bytes of the i-th (or an array), `name(i)` what to call it.

    `decode` makes a square array of that, a side and a number of channels, by default as `_pixels.decode` does.
    Decoding runs in threads: Pillow lets go of the interpreter's lock while it decodes and resizes.
    """

    def __init__(
        self,
        count: int,
        load: Callable[[int], bytes | Array],
        name: Callable[[int], str],
        labels: Labels = UNLABELLED,
        *,
        annotations: Annotations = NO_ANNOTATIONS,
        first_test: int | None = None,
        decode: Decode | None = None,
    ) -> None:
        self.count, self.load, self.name, self.decode = count, load, name, decode
        self.labels, self.annotations, self.first_test = labels, annotations, first_test

    def channels(self) -> int:
        for start in range(0, self.count, BLOCK_IMAGES):
            with _pool() as pool:
                if any(pool.map(self._is_colour, range(start, min(start + BLOCK_IMAGES, self.count)))):
                    return 3
        return 1

    def side(self) -> int:
        for index in range(self.count):
            try:
                return _pixels.shorter_side(self.load(index))
            except Exception:
                continue
        return 1

    def rows(self, indices: Array, side: int, channels: int) -> Iterator[Row]:
        def decode(index: int) -> Row:
            try:
                return (self.decode or _pixels.decode_square)(self.load(index), side, channels)
            except Exception as error:
                return SkippedImage(self.name(index), _pixels.error_reason(error))

        with _pool() as pool:
            # Block by block: a pool given all indices at once would hold all results.
            for start in range(0, len(indices), BLOCK_IMAGES):
                yield from pool.map(decode, map(int, indices[start : start + BLOCK_IMAGES]))

    def _is_colour(self, index: int) -> bool:
        try:
            return _pixels.is_colour(self.load(index))
        except Exception:
            return False


class ChainReader(ImageReader):
    """Several readers one after the other; their own labels, annotations and test parts give way to those given."""

    def __init__(
        self,
        readers: Sequence[ImageReader],
        labels: Labels = UNLABELLED,
        *,
        annotations: Annotations = NO_ANNOTATIONS,
        first_test: int | None = None,
    ) -> None:
        self.readers = tuple(readers)
        self.labels, self.annotations, self.first_test = labels, annotations, first_test
        self.ends = np.cumsum([reader.count for reader in readers])
        self.count = int(self.ends[-1])

    def channels(self) -> int:
        return max(reader.channels() for reader in self.readers)

    def side(self) -> int:
        return min(reader.side() for reader in self.readers)

    def rows(self, indices: Array, side: int, channels: int) -> Iterator[Row]:
        owners = np.searchsorted(self.ends, indices, side="right")
        for start in range(0, len(indices), BLOCK_IMAGES):
            part = slice(start, start + BLOCK_IMAGES)
            # Each reader decodes its own share of the block; the order of the block is kept by drawing from
            # each.
            streams = [
                reader.rows(indices[part][owners[part] == k] - (self.ends[k] - reader.count), side, channels)
                for k, reader in enumerate(self.readers)
            ]
            for owner in owners[part]:
                yield next(streams[owner])


class PairedReader(ImageReader):
    """Two readers of as many images that belong together: each row is both images, one's channels after the other's.

    A pair of which one cannot be read is skipped.
    """

    def __init__(self, one: ImageReader, other: ImageReader) -> None:
        self.both = (one, other)
        self.count, self.first_test = one.count, one.first_test
        self.labels, self.annotations = one.labels, one.annotations

    def channels(self) -> int:
        """Of one of the two, the same for both."""
        return max(reader.channels() for reader in self.both)

    def side(self) -> int:
        return min(reader.side() for reader in self.both)

    def rows(self, indices: Array, side: int, channels: int) -> Iterator[Row]:
        for pair in zip(*(reader.rows(indices, side, channels // 2) for reader in self.both), strict=True):
            images = [row for row in pair if not isinstance(row, SkippedImage)]
            skipped = [row for row in pair if isinstance(row, SkippedImage)]
            yield skipped[0] if skipped else np.concatenate(images, axis=-1)


def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count() or 1)
