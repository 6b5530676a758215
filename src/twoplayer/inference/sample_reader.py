"""Samples for a trained run, read from anywhere in their source's own order."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from twoplayer.core.errors import UserError
from twoplayer.data._base import Dataset, DataSettings, SkippedImage
from twoplayer.data._images import Images
from twoplayer.data._labels import Labels
from twoplayer.data._open import source_for
from twoplayer.data._path_source import ScannableSource
from twoplayer.data._points import PointTable

__all__ = ["OrderedSamples", "in_order"]

PIECE = 1_000
"""Samples that are in memory at a time."""

Rows = Callable[[np.ndarray], Iterator[Any]]


@dataclass(frozen=True, eq=False)
class OrderedSamples:
    """`count` samples as their source has them, one after the other, and what it says of them."""

    name: str
    count: int
    rows: Rows
    labels: Labels
    first_test: int | None = None
    """From where on they are the source's own test part, if it has one."""
    file: Callable[[int], str] | None = None
    """What a sample's file is called, where each has one."""

    def pieces(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Indices and samples of those that can be read, as the run's data are stored, piece by piece."""
        for start in range(0, self.count, PIECE):
            indices = np.arange(start, min(start + PIECE, self.count))
            rows = list(self.rows(indices))
            good = [not isinstance(row, SkippedImage) for row in rows]
            if any(good):
                samples = np.stack([row for row, whole in zip(rows, good, strict=True) if whole])
                yield indices[good], samples


def in_order(what: Any, shape: tuple[int, ...], kind: str) -> OrderedSamples:
    """The samples of `what`, all that `data.load` opens, as a run takes them whose data are of `kind` and `shape`.

    Images are brought to the run's size and channels. Raises `UserError` for points where images are wanted, and the
    other way round, and for points of another dimension.
    """
    made = source_for(what)
    found = (
        made.scan(DataSettings(minimum=1))
        if isinstance(made, ScannableSource)
        else made.open(DataSettings(held_out=0.0, minimum=1))
    )
    name = os.fspath(what) if isinstance(what, str | os.PathLike) else found.name
    is_images = found.kind == "images" if isinstance(found, Dataset) else not isinstance(found, PointTable)
    if is_images != (kind == "images"):
        raise UserError(f"{name} holds {'images' if is_images else 'points'}, and this run takes {kind}: give {kind}")
    if isinstance(found, Images) and not found.paired:
        return _images(found, name, shape)
    if not isinstance(found, PointTable | Dataset):
        raise UserError(f"{name} holds the two sides of a translation: give the folder of one of them")
    values = found.values if isinstance(found, PointTable) else found.train
    if values.shape[1:] != shape:
        raise UserError(
            f"{name} has points of {values.shape[1]} coordinates, and this run takes {shape[0]}: give points "
            "like those that it was trained on"
        )
    labels = found.labels if isinstance(found, PointTable) else Labels(found.train_labels, found.class_names)
    return OrderedSamples(name, len(values), lambda indices: iter(np.asarray(values)[indices]), labels)


def _images(found: Images, name: str, shape: tuple[int, ...]) -> OrderedSamples:
    reader = found.read()
    channels, side, _ = shape
    indices, names = reader.labels
    labels = Labels(indices, found.class_names or names)
    file = getattr(reader, "name", None)
    return OrderedSamples(name, reader.count, lambda i: reader.rows(i, side, channels), labels, reader.first_test, file)
