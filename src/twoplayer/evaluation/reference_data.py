"""The real data that anybody's samples are held against."""

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
from twoplayer.evaluation.sample_source import SampleSource, own_size

__all__ = ["OpenedReference", "adapted", "open_reference"]


class OpenedReference(NamedTuple):
    """A data set, and what was done to it, a sentence each."""

    data: Dataset
    notes: tuple[str, ...]


def open_reference(what: Any, held_out: Any, resolution: int | None) -> OpenedReference:
    """The data set `what`: a data set, or anything that `twoplayer.data.load` opens, images at their own size.

    `held_out` names other such data, whose training part then is held out and nothing of `what`; or a share of `what`;
    None takes its own test part, or else a tenth. Raises `UserError` where images have several sizes and no
    `resolution` is given, where both do not fit together, and for a share of data that have a held-out part of their
    own.
    """
    share = _share(held_out)
    if held_out is not None and share is not None and _divided(what):
        name = what.name if isinstance(what, Dataset) else short_name(what)
        raise UserError(f"{name} has a held-out part of its own: leave held_out out, or give other data for it")
    opened = OpenedReference(what, ()) if isinstance(what, Dataset) else _open(what, resolution, share or 0.0)
    return opened if share is not None else _with(opened, _open(held_out, _side(opened.data, resolution), 0.0))


def adapted(samples: SampleSource, data: Dataset) -> Iterator[Array]:
    """The samples as the data are, gray or in colour; what had to be done is added to the samples' notes.

    Raises `UserError` for samples of another kind or size, or with colours where the data have none.
    """
    one, other = samples.shape, data.train.shape[1:]
    if samples.kind != data.kind:
        raise UserError(f"{samples.name} holds {samples.kind} and {data.name} {data.kind}: hold like against like")
    if data.kind == "points":
        if one != other:
            raise UserError(f"the points of {samples.name} have {one[0]} coordinates, those of {data.name} {other[0]}")
        return samples.chunks()
    if one[:2] != other[:2]:
        raise UserError(
            f"the images of {samples.name} have {one[1]}x{one[0]} pixels, those of {data.name} {other[1]}x{other[0]}: "
            "give the resolution that both are to be brought to"
        )
    return samples.chunks() if one[2] == other[2] else _recoloured(samples, data)


def _recoloured(samples: SampleSource, data: Dataset) -> Iterator[Array]:
    if samples.shape[2] == 1:
        samples.notes.append(f"The images of {samples.name} are gray, and are held against {data.name} in colour.")
        yield from (chunk.repeat(3, axis=3) for chunk in samples.chunks())
        return
    for chunk in samples.chunks():
        if (chunk != chunk[..., :1]).any():
            raise UserError(f"{samples.name} has colours, and {data.name} is gray: convert either")
        yield chunk[..., :1]
    samples.notes.append(f"The images of {samples.name} are stored in colour but are gray, as those of {data.name}.")


def _share(held_out: Any) -> float | None:
    """The share of the data that is held out; None where other data are."""
    if held_out is None:
        return DataSettings().held_out
    if isinstance(held_out, int | float):
        return float(held_out)
    try:
        return float(held_out) if isinstance(held_out, str) and not Path(held_out).exists() else None
    except ValueError:
        return None


def _divided(what: Any) -> bool:
    """Whether data come with a held-out part of their own."""
    if isinstance(what, Dataset):
        return True
    source = source_of(what)
    if not isinstance(source, ScannableSource):  # densities are drawn from twice
        return True
    found = source.scan(DataSettings())
    return isinstance(found, Images) and found.own_test


def _open(what: Any, resolution: int | None, share: float) -> OpenedReference:
    source, settings = source_of(what), DataSettings(resolution, share)
    notes: tuple[str, ...] = ()
    found = source.scan(settings) if isinstance(source, ScannableSource) else source
    if isinstance(found, Images):
        how = own_size(source, found, found.read(), resolution)
        settings, notes = replace(settings, resolution=how.side), how.notes
    data = found.open(settings)
    if data.skipped:
        first = data.skipped[0]
        notes += (f"{len(data.skipped)} images of {data.name} cannot be read, such as {first.path} ({first.reason}).",)
    return OpenedReference(data, notes)


def _side(data: Dataset, resolution: int | None) -> int | None:
    """The resolution to bring held-out images to, where one was asked for."""
    return data.train.shape[1] if resolution is not None and data.kind == "images" else None


def _with(opened: OpenedReference, held_out: OpenedReference) -> OpenedReference:
    """The first data set with all of the second as its held-out part."""
    data, other = opened.data, held_out.data
    if data.train.shape[1:] != other.train.shape[1:]:
        raise UserError(
            f"the held-out data {other.name} have the shape {other.train.shape[1:]} and {data.name} has "
            f"{data.train.shape[1:]}: give data of one kind, or the resolution that both are to be brought to"
        )
    both = replace(
        data,
        held_out=other.train,
        held_out_labels=_translated(other, data.class_names),
        key=f"{data.key}+{other.key}" if data.key and other.key else "",
    )
    return OpenedReference(both, opened.notes + held_out.notes)


def _translated(data: Dataset, names: tuple[str, ...]) -> Array | None:
    """The labels of `data` as indices into other class names; None where there is none for one of them."""
    if data.train_labels is None or not set(data.class_names) <= set(names):
        return None
    places = np.array([names.index(name) for name in data.class_names], np.int64)
    return np.asarray(places[data.train_labels])
