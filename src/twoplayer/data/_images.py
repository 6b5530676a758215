"""Images of a user: looked up in the cache or decoded into it, checked and split."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from twoplayer.core.errors import UserError
from twoplayer.data import _cache
from twoplayer.data._base import Dataset, DataSettings, SkippedImage
from twoplayer.data._checks import whole_number
from twoplayer.data._identity import digest
from twoplayer.data._progress import ReadingProgress
from twoplayer.data._reader import ImageReader
from twoplayer.data._sizes import smallest_and_largest
from twoplayer.data._split import Split, check_enough, split_indices
from twoplayer.data._types import Array

__all__ = ["Images"]

VERSION = 1
"""Part of every key: raise it when the same input would decode to other pixels."""


@dataclass(frozen=True, eq=False)
class Images:
    """A source of images, not read yet."""

    name: str
    identity: str
    """Hash of the content."""
    read: Callable[[], ImageReader]
    """Called only where the cache has nothing."""
    own_test: bool = False
    """Whether the source has a test part of its own, which then is the held-out part."""
    default_side: int | None = None
    """Resolution where the settings name none; None keeps that of the first image."""
    channels: int | None = None
    """1 or 3; None lets the images decide: 3 if any is stored in colour."""
    class_names: tuple[str, ...] = ()
    """Names for classes that the source only numbers."""
    in_memory: bool = False
    """Whether the images are few enough to be decoded anew each time."""
    paired: bool = False
    """Whether each row is two images of one size, the channels of a sample and those of its partner."""
    stacked: bool = False
    """Whether each of the three channels is a digit of its own."""

    def open(self, settings: DataSettings) -> Dataset:
        """Raises `UserError` for too few images, or more than 1 % of them unreadable."""
        if settings.resolution is not None:
            whole_number("resolution", settings.resolution, 1)
        key = self._key(settings)
        parts = None if self.in_memory else _cache.find_decoded(settings, key)
        if parts is None:
            parts = self._decode(settings, key)
        check_enough(self.name, len(parts.train), "images", settings)
        facts = parts.facts
        on_train, on_held_out = facts.train_annotations, facts.held_out_annotations
        return Dataset(
            name=self.name,
            kind="images",
            **self._sides(parts),
            train_labels=facts.train_labels,
            held_out_labels=facts.held_out_labels,
            class_names=self._names(facts.class_names),
            train_attributes=on_train.codes,
            held_out_attributes=on_held_out.codes,
            attributes=on_train.attributes,
            train_captions=on_train.captions,
            held_out_captions=on_held_out.captions,
            paired=self.paired,
            stacked=self.stacked,
            key=key,
            skipped=facts.skipped,
            native=facts.native,
        )

    def _sides(self, parts: _cache.DecodedParts) -> dict[str, Any]:
        """The samples, and their partners where each row holds both, by their names in a `Dataset`."""
        if not self.paired:
            return {"train": parts.train, "held_out": parts.held_out}
        half = parts.train.shape[3] // 2
        samples = {"train": parts.train[..., :half], "held_out": parts.held_out[..., :half]}
        return {**samples, "partner_train": parts.train[..., half:], "partner_held_out": parts.held_out[..., half:]}

    def _names(self, read: tuple[str, ...]) -> tuple[str, ...]:
        numbered = read == tuple(map(str, range(len(self.class_names))))
        return self.class_names if numbered else read

    def _key(self, settings: DataSettings) -> str:
        # A test part of its own makes the split independent of the seed: all seeds share one cache.
        parts = () if self.own_test else (settings.held_out, settings.seed)
        side = settings.resolution or self.default_side
        return digest(VERSION, self.identity, side, self.channels, parts)

    def _decode(self, settings: DataSettings, key: str) -> _cache.DecodedParts:
        reader = self.read()
        order = split_indices(reader.count, settings, reader.first_test)
        if len(order.train) < settings.minimum:  # too few all the more where some cannot be read
            self._check_readable(reader)
        check_enough(self.name, len(order.train), "images", settings)
        side = settings.resolution or self.default_side or reader.side()
        channels = self.channels or reader.channels()
        shape = (side, side, 2 * channels if self.paired else channels)
        if self.in_memory:
            return self._fill(_cache.MemoryStore(shape), reader, order, settings)
        with _cache.CacheFolderStore(settings, key, self.name, reader.count, shape) as store:
            return self._fill(store, reader, order, settings)

    def _fill(
        self, store: _cache.RowStore, reader: ImageReader, order: Split, settings: DataSettings
    ) -> _cache.DecodedParts:
        skipped: list[SkippedImage] = []
        read_indices: list[Array] = []
        with ReadingProgress(f"decoding {self.name}", reader.count, settings.progress) as advance:
            for part, indices in zip(("train", "held_out"), order, strict=True):
                good = np.ones(len(indices), dtype=bool)
                with store.part(part) as append:
                    for place, row in enumerate(reader.rows(indices, *store.side_and_channels)):
                        advance()
                        if isinstance(row, SkippedImage):
                            skipped.append(row)
                            good[place] = False
                        else:
                            append(row)
                read_indices.append(indices[good])
        self._accept(skipped, reader.count)
        labels, names = reader.labels
        train, held_out = (None if labels is None else labels[indices] for indices in read_indices)
        annotations = (reader.annotations.rows(indices) for indices in read_indices)
        return store.finish(
            _cache.ImageTable(train, held_out, names, tuple(skipped), smallest_and_largest(reader), *annotations)
        )

    def _check_readable(self, reader: ImageReader) -> None:
        """Raise `UserError` where more than 1 % of the images cannot be read."""
        channels = 2 if self.paired else 1
        rows = reader.rows(np.arange(reader.count), 1, channels)
        self._accept([row for row in rows if isinstance(row, SkippedImage)], reader.count)

    def _accept(self, skipped: list[SkippedImage], count: int) -> None:
        if 100 * len(skipped) > count:
            first = min(skipped, key=lambda s: s.path)
            raise UserError(
                f"{len(skipped)} of the {count} images of {self.name} cannot be read, "
                f"and more than 1 % is too many (the first is {first.path}: {first.reason}): remove or repair them"
            )
