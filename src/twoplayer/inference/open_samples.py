"""From what a user names to its samples: folder, zip, array file, IDX, data-set name, array, iterable, or run.

The functions differ in the part of a data set that they read and in the size of its images: `open_samples` for
evaluate, `open_all_samples` for test-samples, `open_for_run` for encode and reconstruct, `open_image_files` for
translate.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np

from twoplayer.core.errors import UserError
from twoplayer.data import _open
from twoplayer.data._base import Dataset, DataSettings, SkippedImage
from twoplayer.data._images import Images
from twoplayer.data._labels import Labels
from twoplayer.data._path_source import PathSource, ScannableSource
from twoplayer.data._points import PointTable
from twoplayer.data._reader import EncodedReader, ImageReader
from twoplayer.data._sizes import count_sizes
from twoplayer.data._stream import ResizePlan, plan_resize
from twoplayer.data._types import Array
from twoplayer.data.array import InMemory
from twoplayer.inference.sample_source import IndexedChunk, SampleSource
from twoplayer.inference.trained_run import TrainedRun
from twoplayer.measurement import default_sample_count
from twoplayer.runs.run_dir import RunFolder

__all__ = ["is_run", "native_resolution", "open_all_samples", "open_for_run", "open_image_files", "open_samples"]

CHUNK_BYTES = 64 * 2**20
MAX_CHUNK_IMAGES = 2048
ORDERED_CHUNK_SAMPLES = 1_000
"""Samples that are in memory at a time where they are read for a run."""
EVALUATION = "evaluation"
"""The purpose by which samples are drawn from a run by default: those of ``run.evaluate()``."""


def open_samples(
    source: Any, *, resolution: int | None = None, n: int | None = None, seed: int = 0, device: str = "auto"
) -> SampleSource:
    """The training part of a source, or all samples of one without parts, with images at their own size.

    Only headers are read until `SampleSource.chunks` is called.

    Args:
        source: anything that `twoplayer.data.load` opens, a run or its folder, or an iterable of arrays: images uint8
            ``(B, H, W, C)`` or points ``(B, D)``.
        resolution: side to which images are brought, pixels; None keeps their size, which must be one, or takes the
            size of a known data set.
        n: number of samples to draw from a run; None draws 10,000 images or 2,500 points.
        seed: seed of the samples of a run.
        device: device of a run.

    Raises:
        UserError: for images of several sizes, and for anything else.
    """
    if isinstance(source, SampleSource):
        return source
    if is_run(source):
        return _from_run(source, n, seed, EVALUATION, device)
    if _is_iterable_of_arrays(source):
        return _from_iterable(iter(source))
    opened = _open.source_for(source)
    if not isinstance(opened, ScannableSource):
        return _from_points(_open.short_name(source), opened.open(DataSettings(held_out=0.0)).train)
    scanned = opened.scan(DataSettings(resolution))
    if not isinstance(scanned, Images):
        return _from_points(scanned.name, scanned.open(DataSettings(held_out=0.0)).train)
    reader = scanned.read()
    plan = native_resolution(opened, scanned, reader, resolution)
    shape = (plan.side, plan.side, scanned.channels or reader.channels())
    count = reader.count if reader.first_test is None else reader.first_test
    return _from_images(scanned, reader, shape, count, notes=list(plan.notes))


def open_all_samples(
    source: Any,
    *,
    n: int,
    seed: int = 0,
    purpose: str = "samples",
    resolution: int | None = None,
    device: str = "auto",
) -> SampleSource:
    """At most `n` samples of all parts of a source, the test part included, or `n` samples of a run.

    Args:
        source: anything that `twoplayer.data.load` opens, or a run or its folder.
        n: number of samples; of more a random part is taken, a function of (seed, purpose).
        seed: seed of the selection and of the samples of a run.
        purpose: a text; different purposes give independent selections.
        resolution: side to which images are brought, pixels; None keeps the size of small images and brings files of
            larger ones to the usual resolution of the source.
        device: device of a run.

    Raises:
        UserError: where nothing can be read, for images of several sizes below the usual resolution, and for a
            resolution other than that of the run.
    """
    if n < 1:
        raise UserError(f"cannot take {n} samples: ask for at least 1")
    if is_run(source):
        drawn = _from_run(source, n, seed, purpose, device, resolution)
        drawn.notes.append(f"drawn from the generator of step {_run(source, device).step:,}")
        return drawn
    dataset, notes = _open_dataset(source, resolution)
    if dataset.skipped:
        notes.append(f"{len(dataset.skipped)} of its files cannot be read and are left out")
    return _from_dataset(dataset, notes).random_part(n, seed, f"part for {purpose}")


def open_for_run(source: Any, run: TrainedRun) -> SampleSource:
    """All samples of a source, the test part last, in the source's order and in the shape of the run's data.

    Images are brought to the run's size and channels, with their labels and file names. Unreadable images are left out.

    Raises:
        UserError: for points where the run takes images or the reverse, for points of another dimension, and for data
            with two sides.
    """
    shape, kind = tuple(run.data["shape"]), run.data["kind"]
    opened = _open.source_for(source)
    scanned = (
        opened.scan(DataSettings(minimum=1))
        if isinstance(opened, ScannableSource)
        else opened.open(DataSettings(held_out=0.0, minimum=1))
    )
    name = os.fspath(source) if isinstance(source, str | os.PathLike) else scanned.name
    has_images = scanned.kind == "images" if isinstance(scanned, Dataset) else not isinstance(scanned, PointTable)
    if has_images != (kind == "images"):
        raise UserError(f"{name} holds {'images' if has_images else 'points'}, and this run takes {kind}: give {kind}")
    if isinstance(scanned, Images) and not scanned.paired:
        reader = scanned.read()
        channels, side, _ = shape
        indices, names = reader.labels
        ordered = _from_images(
            scanned, reader, (side, side, channels), reader.count, chunk_samples=ORDERED_CHUNK_SAMPLES, check=False
        )
        files = [reader.name(i) for i in range(reader.count)] if isinstance(reader, EncodedReader) else ()
        labels = Labels(indices, scanned.class_names or names)
        return replace(ordered, name=name, labels=labels, first_test=reader.first_test, files=files)
    if not isinstance(scanned, PointTable | Dataset):
        raise UserError(f"{name} holds the two sides of a translation: give the folder of one of them")
    values = np.asarray(scanned.values if isinstance(scanned, PointTable) else scanned.train)
    if values.shape[1:] != shape:
        raise UserError(
            f"{name} has points of {values.shape[1]} coordinates, and this run takes {shape[0]}: give points "
            "like those that it was trained on"
        )
    labels = scanned.labels if isinstance(scanned, PointTable) else Labels(scanned.train_labels, scanned.class_names)
    return replace(_from_points(name, values, ORDERED_CHUNK_SAMPLES), labels=labels)


def open_image_files(files: Sequence[Path], channels: int) -> SampleSource:
    """Image files at their own sizes: chunks are single images, uint8 ``(1, H, W, channels)``.

    Reading raises `UserError` for a file that is no image, and for a colour image where gray ones are expected.
    """
    from twoplayer.data._pixels import read_image

    def read(rows: Array | None) -> Iterator[IndexedChunk]:
        for row in range(len(files)) if rows is None else map(int, rows):
            yield IndexedChunk(np.array([row]), read_image(files[row], channels)[None])

    return SampleSource("image files", "images", (None, None, channels), len(files), read, files=list(files))


def native_resolution(source: Any, images: Images, reader: ImageReader, resolution: int | None) -> ResizePlan:
    """The side of images: `resolution`, else the size of a known data set, else the images' own size.

    Folders and zips are reduced to 64 pixels for training by default, which measurements must not do. Raises
    `UserError` where the images have several sizes, or none can be read.
    """
    known = images.default_side if source.own_resolution else None
    return plan_resize(images, reader, resolution or known)


def is_run(source: Any) -> bool:
    """Whether `source` is a run or the path of a run folder."""
    if isinstance(source, str | os.PathLike):
        return RunFolder(Path(source).expanduser()).exists
    return isinstance(source, TrainedRun)


# ---- one function for each kind of source


def _from_images(
    images: Images,
    reader: ImageReader,
    shape: tuple[int, int, int],
    count: int,
    *,
    notes: Sequence[str] = (),
    chunk_samples: int | None = None,
    check: bool = True,
) -> SampleSource:
    """Images that are decoded while they are read; with `check` more than 1 % unreadable ones are an error."""
    length = chunk_samples or max(1, min(MAX_CHUNK_IMAGES, CHUNK_BYTES // math.prod(shape)))

    def read(rows: Array | None) -> Iterator[IndexedChunk]:
        indices, start, skipped = np.arange(count) if rows is None else rows, 0, list[SkippedImage]()
        decoded = reader.rows(indices, shape[0], shape[2])
        while block := list(islice(decoded, length)):
            readable = np.array([not isinstance(row, SkippedImage) for row in block])
            skipped += [row for row in block if isinstance(row, SkippedImage)]
            if readable.any():
                own = indices[start : start + len(block)][readable]
                yield IndexedChunk(own, np.stack([row for row in block if not isinstance(row, SkippedImage)]))
            start += len(block)
        if check:
            images._accept(skipped, len(indices))
            if skipped:
                first = skipped[0]
                source.notes.append(
                    f"{len(skipped)} images of {images.name} cannot be read, such as {first.path} ({first.reason})."
                )

    source = SampleSource(images.name, "images", shape, count, read, notes=list(notes))
    return source


def _from_points(name: str, points: Array, chunk_samples: int | None = None) -> SampleSource:
    def read(rows: Array | None) -> Iterator[IndexedChunk]:
        indices = np.arange(len(points)) if rows is None else rows
        length = chunk_samples or max(1, len(indices))
        for start in range(0, len(indices), length):
            own = indices[start : start + length]
            yield IndexedChunk(own, points[own])

    return SampleSource(name, "points", points.shape[1:], len(points), read)


def _from_dataset(dataset: Dataset, notes: list[str]) -> SampleSource:
    """All samples of a data set: the training part, then the held-out part."""
    parts, middle = (dataset.train, dataset.held_out), len(dataset.train)

    def read(rows: Array | None) -> Iterator[IndexedChunk]:
        indices = np.arange(sum(map(len, parts))) if rows is None else rows
        in_train = indices < middle
        samples = [parts[0][indices[in_train]], parts[1][indices[~in_train] - middle]]
        if (np.diff(in_train.astype(int)) > 0).any():
            raise ValueError("rows of a data set are read in ascending order")
        yield IndexedChunk(indices, np.concatenate([part for part in samples if len(part)]))

    count = sum(map(len, parts))
    return SampleSource(dataset.name, dataset.kind, dataset.train.shape[1:], count, read, notes=notes)


def _open_dataset(source: Any, resolution: int | None) -> tuple[Dataset, list[str]]:
    """The data set with nothing held out, and a note where images are resized."""
    settings, opened = DataSettings(resolution=resolution, held_out=0.0, minimum=1), _open.source_for(source)
    if not isinstance(opened, PathSource | InMemory):
        return _open.load(source, settings), []
    scanned = opened.scan(settings)
    if not isinstance(scanned, Images):
        return scanned.open(settings), []
    reader = scanned.read()
    counts = count_sizes(reader)
    smallest, usual = min(map(min, counts), default=0), scanned.default_side or math.inf
    if resolution is None and (not counts or (len(counts) > 1 and smallest < usual)):
        plan_resize(scanned, reader, None)  # raises the error for several sizes
    side = resolution or int(min(smallest, usual))
    resized = sum(count for size, count in counts.items() if size != (side, side))
    which = "its images" if resized == sum(counts.values()) else f"{resized:,} of its images"
    notes = [f"{which} are brought to squares of {side} pixels"] if resized else []
    return scanned.open(replace(settings, resolution=side)), notes


def _run(source: Any, device: str) -> TrainedRun:
    return source if isinstance(source, TrainedRun) else TrainedRun(Path(source).expanduser(), device=device)


def _from_run(
    source: Any, n: int | None, seed: int, purpose: str, device: str, resolution: int | None = None
) -> SampleSource:
    """`n` samples of a run, drawn while they are read."""
    run = _run(source, device)
    kind, stored = run.data["kind"], tuple(run.data["shape"])
    if kind == "images" and resolution not in (None, stored[1]):
        raise UserError(
            f"{run.path} makes images of {stored[1]} pixels: leave the resolution out, or bring the other images to "
            "that"
        )
    count = default_sample_count(kind) if n is None else n
    if count < 1:
        raise UserError(f"cannot draw {count} samples: ask for at least 1")

    def read(rows: Array | None) -> Iterator[IndexedChunk]:
        drawn = _numbered(run.stream(count, seed, purpose))
        return drawn if rows is None else iter([IndexedChunk(rows, np.concatenate([c.samples for c in drawn])[rows])])

    shape = (*stored[1:], stored[0]) if kind == "images" else stored
    return SampleSource(str(run.path), kind, shape, count, read)


def _is_iterable_of_arrays(source: Any) -> bool:
    """Whether `source` is iterated over and is not a single array, a list or a tuple."""
    single = isinstance(source, str | os.PathLike | list | tuple) or hasattr(source, "__array__")
    return isinstance(source, Iterable) and not single and _open.dataset_member(source) is None


def _from_iterable(pieces: Iterator[Any]) -> SampleSource:
    first = next(pieces, None)
    if first is None:
        raise UserError("there are no samples: the iterable ends before its first array")
    first = _checked_piece(first)

    def checked(piece: Array) -> Array:
        if piece.shape[1:] != first.shape[1:]:
            raise UserError(
                f"the samples differ in shape: {first.shape[1:]} in the first piece, {piece.shape[1:]} in a later one"
            )
        return piece

    def read(rows: Array | None) -> Iterator[IndexedChunk]:
        if rows is not None:
            raise UserError("an iterable of arrays can only be read from its beginning to its end: give an array")
        return _numbered(checked(piece) for piece in chain([first], map(_checked_piece, pieces)))

    return SampleSource("samples", "images" if first.ndim == 4 else "points", first.shape[1:], None, read)


def _checked_piece(piece: Any) -> Array:
    try:
        array = np.asarray(piece)
    except (TypeError, ValueError) as error:
        raise UserError(f"a piece of the samples cannot be made into a numpy array: {error}") from None
    if array.ndim == 4 and (array.dtype != np.uint8 or array.shape[3] not in (1, 3)):
        raise UserError(
            f"images in pieces must be uint8 (B, H, W, 1 or 3), not {array.dtype} {array.shape}: "
            "scale them to [0, 255], round, and put the channels last"
        )
    if array.ndim not in (2, 4) or array.dtype.kind not in "fiu":
        raise UserError(f"pieces must be images (B, H, W, C) or points (B, D), not {array.dtype} {array.shape}")
    return array


def _numbered(pieces: Iterable[Array]) -> Iterator[IndexedChunk]:
    start = 0
    for piece in pieces:
        yield IndexedChunk(np.arange(start, start + len(piece)), piece)
        start += len(piece)
