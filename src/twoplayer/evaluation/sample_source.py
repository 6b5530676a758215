"""Anybody's samples: what they are, and how to read them piece by piece."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import numpy as np

from twoplayer.core.errors import UserError
from twoplayer.core.rng import numpy_generator
from twoplayer.data import _open
from twoplayer.data._base import DataSettings, SkippedImage
from twoplayer.data._images import Images
from twoplayer.data._path_source import ScannableSource
from twoplayer.data._reader import ImageReader
from twoplayer.data._stream import ResizePlan, plan_resize, stream_images
from twoplayer.data._types import Array
from twoplayer.inference.trained_run import TrainedRun

__all__ = ["SampleSource", "collect", "own_size"]


@dataclass(eq=False)
class SampleSource:
    """Samples that lie somewhere: images of one size and colour, or points of one dimension."""

    name: str
    kind: Literal["images", "points"]
    shape: tuple[int, ...]
    """Of one sample: ``(H, W, C)`` or ``(D,)``."""
    count: int | None
    """None for an iterator, which ends when it ends."""
    read: Callable[[Array | None], Iterator[Array]]
    notes: list[str] = field(default_factory=list)
    """What was done to the samples; what was skipped stands here once they are read."""

    def chunks(self, rows: Array | None = None) -> Iterator[Array]:
        """The samples, or those `rows` of them in that order: images uint8 ``(B, H, W, C)``, or points ``(B, D)``.

        Raises `UserError` where more than 1 % of the images cannot be read.
        """
        return self.read(rows)

    def part(self, n: int | None, seed: int) -> SampleSource:
        """`n` of the samples, taken at random where there are more; None takes all.

        Raises `UserError` for fewer than 2, and where the samples come one by one.
        """
        if n is None or n == self.count:
            return self
        if n < 2:
            raise UserError(f"cannot measure {n} samples: ask for at least 2")
        if self.count is None:
            raise UserError("n samples cannot be taken at random of an iterable: give an array, or leave n out")
        if n > self.count:
            return self
        rows = np.sort(numpy_generator(seed, "part of the samples").permutation(self.count)[:n])
        self.notes.append(f"{n:,} of the {self.count:,} samples of {self.name}, taken at random.")
        return replace(self, count=n, read=lambda _: self.read(rows))


def collect(
    what: Any, *, resolution: int | None = None, n: int | None = None, seed: int = 0, device: str = "auto"
) -> SampleSource:
    """Find out what `what` is; nothing but headers is read yet.

    `what` is anything that `twoplayer.data.load` opens (its training part, where it has a test part of its own), a run
    or the folder of one, from which `n` samples are drawn by `seed` on `device` (10,000 images or 2,500 points), or an
    iterable of arrays: uint8 images ``(B, H, W, C)``, or points ``(B, D)``. Images keep their size, or get
    `resolution`; a known name has a size of its own. Raises `UserError` for images of several sizes, and for anything
    else.
    """
    if isinstance(what, SampleSource):
        return what
    if isinstance(what, TrainedRun) or _is_run_folder(what):
        return _of_run(what if isinstance(what, TrainedRun) else TrainedRun(what, device=device), n, seed)
    if _is_in_pieces(what):
        return _of_pieces(iter(what))
    source = _open.source_for(what)
    if not isinstance(source, ScannableSource):
        return _of_points(_open.short_name(what), source.open(DataSettings(held_out=0.0)).train)
    found = source.scan(DataSettings(resolution))
    if isinstance(found, Images):
        reader = found.read()
        return _of_images(found, reader, own_size(source, found, reader, resolution))
    return _of_points(found.name, found.open(DataSettings(held_out=0.0)).train)


def own_size(source: Any, found: Images, reader: ImageReader, resolution: int | None) -> ResizePlan:
    """What images are brought to: `resolution`, else what a known name stands for, else their own size."""
    # Folders and zips are shrunk to 64 pixels for training where nobody says how large: not what is measured.
    named = found.default_side if source.own_resolution else None
    return plan_resize(found, reader, resolution or named)


def _of_images(found: Images, reader: ImageReader, how: ResizePlan) -> SampleSource:
    channels = found.channels or reader.channels()
    count = reader.count if reader.first_test is None else reader.first_test
    notes = list(how.notes)

    def read(rows: Array | None) -> Iterator[Array]:
        skipped: list[SkippedImage] = []
        yield from stream_images(
            found, reader, (how.side, channels), np.arange(count) if rows is None else rows, skipped
        )
        if skipped:
            first, number = skipped[0], len(skipped)
            notes.append(f"{number} images of {found.name} cannot be read, such as {first.path} ({first.reason}).")

    return SampleSource(found.name, "images", (how.side, how.side, channels), count, read, notes)


def _of_points(name: str, points: Array) -> SampleSource:
    def read(rows: Array | None) -> Iterator[Array]:
        yield points if rows is None else points[rows]

    return SampleSource(name, "points", points.shape[1:], len(points), read)


def _is_run_folder(what: Any) -> bool:
    return isinstance(what, str | os.PathLike) and (Path(what).expanduser() / "config.yaml").is_file()


def _of_run(run: TrainedRun, n: int | None, seed: int) -> SampleSource:
    from twoplayer.measurement import sample_count

    count = sample_count(run.data["kind"]) if n is None else n
    if count < 1:
        raise UserError(f"cannot draw {count} samples: ask for at least 1")
    shape = tuple(run.data["shape"])
    ordered = (*shape[1:], shape[0]) if run.data["kind"] == "images" else shape

    def read(rows: Array | None) -> Iterator[Array]:
        drawn = run.stream(count, seed, "evaluation")
        return drawn if rows is None else iter([np.concatenate(list(drawn))[rows]])

    return SampleSource(str(run.path), run.data["kind"], ordered, count, read)


def _is_in_pieces(what: Any) -> bool:
    """Whether it is iterated over and is nothing that is read at once."""
    whole = isinstance(what, str | os.PathLike | list | tuple) or hasattr(what, "__array__")
    return isinstance(what, Iterable) and not whole and _open.dataset_member(what) is None


def _of_pieces(pieces: Iterator[Any]) -> SampleSource:
    first = next(pieces, None)
    if first is None:
        raise UserError("there are no samples: the iterable ends before its first array")
    first = _piece(first)
    kind: Literal["images", "points"] = "images" if first.ndim == 4 else "points"

    def read(rows: Array | None) -> Iterator[Array]:
        if rows is not None:
            raise UserError("an iterable of arrays can only be read from its beginning to its end: give an array")
        return (_alike(piece, first) for piece in chain([first], map(_piece, pieces)))

    return SampleSource("samples", kind, first.shape[1:], None, read)


def _piece(piece: Any) -> Array:
    """A piece of images or points."""
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


def _alike(piece: Array, first: Array) -> Array:
    if piece.shape[1:] != first.shape[1:]:
        raise UserError(
            f"the samples differ in shape: {first.shape[1:]} in the first piece, {piece.shape[1:]} in a later one"
        )
    return piece
