"""Images or points, labels, captions and attributes in the columns of a `datasets.Dataset`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from twoplayer.core.errors import UserError, did_you_mean
from twoplayer.data._annotations import (
    ANY_COLUMNS,
    NO_ANNOTATIONS,
    AnnotationRequest,
    Annotations,
    annotate,
    is_caption,
)
from twoplayer.data._identity import digest
from twoplayer.data._images import Images
from twoplayer.data._labels import UNLABELLED, Labels, encode_labels, labels_from_indices
from twoplayer.data._points import PointTable
from twoplayer.data._reader import ChainReader, EncodedReader, ImageReader, PairedReader
from twoplayer.data._types import Array

__all__ = ["Columns", "content_digest", "describe_table"]

LABEL_COLUMNS = ("label", "labels", "y", "class", "fine_label")
MAX_DEFAULT_SIDE = 64
PART_NAMES = ("train", "test")
"""Names of the training and the held-out part in messages."""


@dataclass(frozen=True)
class Columns:
    """Which splits and columns of a table to use."""

    train: str = "train"
    test: str | None = None
    """None takes ``test`` where there is one."""
    image: str | None = None
    """None takes the first column of images."""
    label: str | None = None
    """None takes the first column of classes, or one called label."""
    partner: str | None = None
    """The column of images that belong to those of `image`; None means none."""
    annotations: AnnotationRequest = ANY_COLUMNS
    """Columns of captions and of attributes."""


def describe_table(
    splits: Mapping[str, Any],
    columns: Columns,
    name: str,
    channels: int | None = None,
    *,
    identity: Callable[[Any], str] | None = None,
) -> Images | PointTable:
    """Images where a column holds them, else points made of all numeric columns but the label.

    Args:
        splits: `datasets.Dataset` objects by name.
        columns: which splits and columns to use.
        name: the data set, for messages.
        channels: 1 or 3; None decides by the images.
        identity: a hash of a split's content; None takes the fingerprint that `datasets` gives what it has loaded.

    Raises:
        UserError: a split or column that does not exist, or neither images nor only numbers.
    """
    parts = _parts(splits, columns, name)
    features = parts[0].features
    for column in (columns.image, columns.label, columns.partner):
        if column is not None and column not in features:
            raise UserError(f"{name} has no column {column!r}: {did_you_mean(column, features)}")
    if columns.partner is not None and not _is_image(features[columns.partner]):
        raise UserError(f"{name} has no images in its column {columns.partner}, which were to be the partners")
    image_columns = [c for c, f in features.items() if _is_image(f)]
    image = columns.image or next((c for c in image_columns if c != columns.partner), None)
    label = columns.label or _label_column(features)
    if image is None:
        return _points(parts, label, name)

    def read() -> ImageReader:
        samples = _chained(
            parts,
            image,
            _labels(parts, label, name),
            _annotations(parts, {*image_columns, label}, columns.annotations, name),
        )
        return samples if columns.partner is None else PairedReader(samples, _chained(parts, columns.partner))

    # Part of the key only where it is not the default, as it was before these columns could be chosen.
    is_default = (columns.partner, columns.annotations) == (None, ANY_COLUMNS)
    selection = () if is_default else (columns.partner, columns.annotations)
    return Images(
        name=name,
        identity=digest(
            [part._fingerprint if identity is None else identity(part) for part in parts], image, label, *selection
        ),
        read=read,
        own_test=len(parts) > 1,
        default_side=_side(parts[0], image),
        channels=channels,
        paired=columns.partner is not None,
    )


def content_digest(part: Any) -> str:
    """A hash of the content of a `datasets.Dataset` in memory, which may have no lasting fingerprint."""
    hasher = hashlib.blake2b(digest_size=16)
    hasher.update(repr(sorted(part.features)).encode())
    for row in _undecoded(part):
        for column in sorted(row):
            value = row[column]
            if isinstance(value, dict) and {"bytes", "path"} <= value.keys():
                hasher.update(_encoded(value))
            else:
                hasher.update(repr(value).encode())
    return hasher.hexdigest()


def _undecoded(part: Any) -> Any:
    """A split whose images are given as files, not decoded."""
    import datasets

    for column, feature in part.features.items():
        if type(feature).__name__ == "Image":
            part = part.cast_column(column, datasets.Image(decode=False))
    return part


def _encoded(value: Mapping[str, Any]) -> bytes:
    """The content of an image file that a table holds, or names."""
    return value["bytes"] or Path(value["path"]).read_bytes()


def _parts(splits: Mapping[str, Any], columns: Columns, name: str) -> list[Any]:
    """The training split, and the test split if there is one."""
    train = next(iter(splits)) if len(splits) == 1 and columns.train == "train" else columns.train
    test = columns.test or ("test" if "test" in splits and train != "test" else None)
    for split in (train, test):
        if split is not None and split not in splits:
            raise UserError(f"{name} has no split {split!r}: {did_you_mean(split, splits)}")
    return [splits[split] for split in (train, test) if split is not None]


def _is_image(feature: Any) -> bool:
    return type(feature).__name__ in {"Image", "Array2D", "Array3D"}


def _label_column(features: Mapping[str, Any]) -> str | None:
    classes = [column for column, feature in features.items() if type(feature).__name__ == "ClassLabel"]
    # A column y of fractions is a coordinate.
    is_coordinate = "y" in features and "float" in str(getattr(features["y"], "dtype", ""))
    usual = [c for c in LABEL_COLUMNS if c in features and not (c == "y" and is_coordinate)]
    return next(iter([*classes, *usual]), None)


def _labels(parts: Sequence[Any], label: str | None, name: str) -> Labels:
    if label is None or any(label not in part.features for part in parts):
        return UNLABELLED
    values = np.concatenate([np.asarray(part.select_columns([label])[:][label]) for part in parts])
    classes = getattr(parts[0].features[label], "names", None)
    if classes is None:
        return encode_labels(values, len(values), name)
    # -1 marks a sample without a label, usual in test parts.
    return UNLABELLED if (values < 0).any() else labels_from_indices(values, tuple(classes))


def _chained(
    parts: Sequence[Any], column: str, labels: Labels = UNLABELLED, annotations: Annotations = NO_ANNOTATIONS
) -> ChainReader:
    """The images in a column of all parts."""
    readers = [_reader(part, column, split) for part, split in zip(parts, PART_NAMES, strict=False)]
    first_test = len(parts[0]) if len(parts) > 1 else None
    return ChainReader(readers, labels, annotations=annotations, first_test=first_test)


def _annotations(
    parts: Sequence[Any], excluded: Collection[str | None], request: AnnotationRequest, name: str
) -> Annotations:
    """Captions and attributes from the columns that all parts have, but for the `excluded` ones."""
    requested = {*(request.captions or ()), *(request.attributes or ())}
    columns = [
        column
        for column, feature in parts[0].features.items()
        if column not in excluded and all(column in part.features for part in parts)
        if column in requested or is_caption(column) or type(feature).__name__ in {"Value", "ClassLabel"}
    ]
    cells = {c: [cell for part in parts for cell in _cells(part, c)] for c in columns}
    names = [f"{split}[{i}]" for part, split in zip(parts, PART_NAMES, strict=False) for i in range(len(part))]
    return annotate(cells, request, names, name, lenient=True)


def _cells(part: Any, column: str) -> list[Any]:
    """A column's values, classes by their names."""
    values = list(part.select_columns([column])[:][column])
    classes = getattr(part.features[column], "names", None)
    if classes is None:
        return values
    return [None if value is None or value < 0 else classes[value] for value in values]


def _reader(part: Any, column: str, split: str) -> EncodedReader:
    rows = _undecoded(part.select_columns([column]))

    def load(index: int) -> bytes | Array:
        value = rows[index][column]
        if isinstance(value, dict):
            return _encoded(value)
        return np.asarray(value, dtype=np.uint8)

    return EncodedReader(len(part), load, lambda index: f"{split}[{index}]")


def _side(part: Any, column: str) -> int:
    # Small images keep their size; others get the default of folders.
    return min(MAX_DEFAULT_SIDE, _reader(part, column, "train").side()) if len(part) else MAX_DEFAULT_SIDE


def _points(parts: Sequence[Any], label: str | None, name: str) -> PointTable:
    columns = [column for column in parts[0].features if column != label]
    try:
        blocks = [
            np.concatenate([np.asarray(part[:][column], dtype=np.float64) for part in parts]) for column in columns
        ]
        values = np.concatenate([block.reshape(len(block), -1) for block in blocks], axis=1)
    except (TypeError, ValueError):
        names = ", ".join(parts[0].features)
        raise UserError(f"{name} has neither a column of images nor only numbers: name one of {names}") from None
    return PointTable(name, values, _labels(parts, label, name))
