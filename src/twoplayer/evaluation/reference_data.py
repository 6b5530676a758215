"""The real data that samples are measured against."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from twoplayer.core.errors import UserError
from twoplayer.data._base import Dataset, DataSettings
from twoplayer.data._images import Images
from twoplayer.data._open import short_name
from twoplayer.data._open import source_for as source_of
from twoplayer.data._path_source import ScannableSource
from twoplayer.data._types import Array
from twoplayer.inference.open_samples import native_resolution
from twoplayer.inference.sample_source import SampleSource

__all__ = ["OpenedReference", "in_format_of", "open_reference"]


class OpenedReference(NamedTuple):
    """A data set, and sentences on how it was opened."""

    data: Dataset
    notes: tuple[str, ...]


def open_reference(source: Any, held_out: Any, resolution: int | None) -> OpenedReference:
    """Open real data, with images at their own size.

    Args:
        source: a data set, or anything that `twoplayer.data.load` opens.
        held_out: other such data, whose training part becomes the held-out part; or the share of `source` to hold out;
            None takes its own test part, or else a tenth.
        resolution: side to which images are brought, pixels; None keeps their size.

    Raises:
        UserError: where images have several sizes and no `resolution` is given, where both data do not fit together,
            and for a share of data that have a held-out part of their own.
    """
    share = _share(held_out)
    if held_out is not None and share is not None and _has_held_out_part(source):
        name = source.name if isinstance(source, Dataset) else short_name(source)
        raise UserError(f"{name} has a held-out part of its own: leave held_out out, or give other data for it")
    opened = OpenedReference(source, ()) if isinstance(source, Dataset) else _open(source, resolution, share or 0.0)
    return opened if share is not None else _with_held_out(opened, _open(held_out, _side(opened.data, resolution), 0.0))


def in_format_of(data: Dataset, samples: SampleSource) -> Iterator[Array]:
    """The samples with as many colour channels as the data; conversions are added to the notes of the samples.

    Raises `UserError` for samples of another kind or size, and for coloured samples where the data are gray.
    """
    shape, data_shape = samples.shape, data.train.shape[1:]
    if samples.kind != data.kind:
        raise UserError(f"{samples.name} holds {samples.kind} and {data.name} {data.kind}: give data of one kind")
    if data.kind == "points":
        if shape != data_shape:
            raise UserError(
                f"the points of {samples.name} have {shape[0]} coordinates, those of {data.name} {data_shape[0]}"
            )
        return samples.chunks()
    if shape[:2] != data_shape[:2]:
        raise UserError(
            f"the images of {samples.name} have {shape[1]}x{shape[0]} pixels, those of {data.name} "
            f"{data_shape[1]}x{data_shape[0]}: give the resolution that both are to be brought to"
        )
    return samples.chunks() if shape[2] == data_shape[2] else _recoloured(samples, data)


def _recoloured(samples: SampleSource, data: Dataset) -> Iterator[Array]:
    if samples.shape[2] == 1:
        samples.notes.append(f"The images of {samples.name} are gray and are compared with {data.name} in colour.")
        yield from (chunk.repeat(3, axis=3) for chunk in samples.chunks())
        return
    for chunk in samples.chunks():
        if (chunk != chunk[..., :1]).any():
            raise UserError(f"{samples.name} has colours, and {data.name} is gray: convert either")
        yield chunk[..., :1]
    samples.notes.append(f"The images of {samples.name} are stored in colour but are gray, as those of {data.name}.")


def _share(held_out: Any) -> float | None:
    """The share of the data to hold out; None where other data are named."""
    if held_out is None:
        return DataSettings().held_out
    if isinstance(held_out, int | float):
        return float(held_out)
    try:
        return float(held_out) if isinstance(held_out, str) and not Path(held_out).exists() else None
    except ValueError:
        return None


def _has_held_out_part(source: Any) -> bool:
    """Whether data have a held-out part of their own."""
    if isinstance(source, Dataset):
        return True
    opened = source_of(source)
    if not isinstance(opened, ScannableSource):  # held-out samples of a density are drawn separately
        return True
    scanned = opened.scan(DataSettings())
    return isinstance(scanned, Images) and scanned.own_test


def _open(source: Any, resolution: int | None, share: float) -> OpenedReference:
    opened, settings = source_of(source), DataSettings(resolution, share)
    notes: tuple[str, ...] = ()
    scanned = opened.scan(settings) if isinstance(opened, ScannableSource) else opened
    if isinstance(scanned, Images):
        plan = native_resolution(opened, scanned, scanned.read(), resolution)
        settings, notes = replace(settings, resolution=plan.side), plan.notes
    data = scanned.open(settings)
    if data.skipped:
        first = data.skipped[0]
        notes += (f"{len(data.skipped)} images of {data.name} cannot be read, such as {first.path} ({first.reason}).",)
    return OpenedReference(data, notes)


def _side(data: Dataset, resolution: int | None) -> int | None:
    """The side of held-out images where a resolution is set: that of the opened data."""
    return data.train.shape[1] if resolution is not None and data.kind == "images" else None


def _with_held_out(opened: OpenedReference, held_out: OpenedReference) -> OpenedReference:
    """The first data set with the training part of the second as its held-out part."""
    data, other = opened.data, held_out.data
    if data.train.shape[1:] != other.train.shape[1:]:
        raise UserError(
            f"the held-out data {other.name} have the shape {other.train.shape[1:]} and {data.name} has "
            f"{data.train.shape[1:]}: give data of one kind, or the resolution that both are to be brought to"
        )
    both = replace(
        data,
        held_out=other.train,
        held_out_labels=_labels_in(data.class_names, other),
        key=f"{data.key}+{other.key}" if data.key and other.key else "",
    )
    return OpenedReference(both, opened.notes + held_out.notes)


def _labels_in(names: tuple[str, ...], data: Dataset) -> Array | None:
    """The labels of `data` as indices into `names`; None where a class is missing there."""
    if data.train_labels is None or not set(data.class_names) <= set(names):
        return None
    indices = np.array([names.index(name) for name in data.class_names], np.int64)
    return np.asarray(indices[data.train_labels])
