"""Captions and attributes of images, from the columns of a table."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from twoplayer.core.errors import UserError, did_you_mean
from twoplayer.data._attributes import Attribute
from twoplayer.data._types import Array

__all__ = ["ANY_COLUMNS", "NO_ANNOTATIONS", "AnnotationRequest", "Annotations", "annotate", "is_caption"]

Columns = Mapping[str, Sequence[Any]]

CAPTION_COLUMN = re.compile(r"(caption|text|sentence|description)s?([_ -]?\d+)?", re.IGNORECASE)
MAX_VALUES_UNREQUESTED = 64
"""Different values up to which a column is taken for an attribute without being requested; half its rows at most."""
MAX_VALUES = 1000
"""Different values up to which a requested column can be an attribute."""
EMPTY_CELL_VALUE = "none"
"""The value of an attribute of words where a cell is empty."""


class Annotations(NamedTuple):
    """Captions and attributes of N images."""

    attributes: tuple[Attribute, ...] = ()
    codes: Array | None = None
    """float32 ``(N, A)``, the attributes' columns one after the other; None without attributes."""
    captions: tuple[tuple[str, ...], ...] | None = None
    """At least one for each image; None without captions."""

    def rows(self, indices: Array) -> Annotations:
        """The annotations of the images `indices`."""
        codes = None if self.codes is None else self.codes[indices]
        captions = None if self.captions is None else tuple(self.captions[i] for i in indices)
        return Annotations(self.attributes, codes, captions)


NO_ANNOTATIONS = Annotations()


class AnnotationRequest(NamedTuple):
    """Which columns to use; None takes every column that is named like captions, or can be an attribute."""

    captions: Sequence[str] | None = None
    attributes: Sequence[str] | None = None

    def __repr__(self) -> str:
        # Part of the hash by which run folders recognize their data: the text must stay what it was at first.
        return f"Wanted(captions={self.captions!r}, attributes={self.attributes!r})"


ANY_COLUMNS = AnnotationRequest()


def is_caption(column: str) -> bool:
    """Whether a column is named like captions: caption, captions, caption_2, text, description ..."""
    return CAPTION_COLUMN.fullmatch(column) is not None


def annotate(
    columns: Columns, request: AnnotationRequest, names: Sequence[str], table: str, *, lenient: bool = False
) -> Annotations:
    """Captions and attributes from the columns of a table.

    An attribute is a number where all cells of its column are numbers and more than two of them differ; otherwise it is
    one of several words, of which an empty cell is "none".

    Args:
        columns: cells by column, one cell for each image.
        request: which columns to use.
        names: the images, for messages.
        table: the table, for messages.
        lenient: leave out captions that were not requested where an image has none, instead of raising.

    Raises:
        UserError: requested columns that do not exist or cannot be attributes, and an image without a caption.
    """
    requested = (*(request.captions or ()), *(request.attributes or ()))
    unknown = next((c for c in requested if c not in columns), None)
    if unknown is not None:
        raise UserError(f"{table} has no column {unknown!r}: {did_you_mean(unknown, columns)}")
    caption_columns = [*filter(is_caption, columns)] if request.captions is None else request.captions
    captions = _captions([columns[c] for c in caption_columns], names, table, lenient and request.captions is None)
    rest = {c: cells for c, cells in columns.items() if c not in caption_columns}
    coded = _attributes(rest if request.attributes is None else columns, request.attributes, table)
    if not coded:
        return Annotations(captions=captions)
    return Annotations(tuple(a for a, _ in coded), np.concatenate([codes for _, codes in coded], axis=1), captions)


def _captions(
    columns: Sequence[Sequence[Any]], names: Sequence[str], table: str, lenient: bool
) -> tuple[tuple[str, ...], ...] | None:
    """The captions of each image; None without columns of them."""
    if not columns:
        return None
    captions = tuple(tuple(s for cell in cells for s in _sentences(cell)) for cells in zip(*columns, strict=True))
    uncaptioned = [name for name, sentences in zip(names, captions, strict=True) if not sentences]
    if uncaptioned and not lenient:
        raise UserError(
            f"{len(uncaptioned)} of the {len(names)} images have no caption in {table}, such as {uncaptioned[0]}: "
            "write one for each, or remove the image"
        )
    return None if uncaptioned else captions


def _attributes(columns: Columns, requested: Sequence[str] | None, table: str) -> list[tuple[Attribute, Array]]:
    """The attributes in the requested columns, or in all that hold one, each with its codes ``(N, width)``."""
    if requested is None:
        tried = [
            _attribute(column, cells, min(MAX_VALUES_UNREQUESTED, len(cells) // 2)) for column, cells in columns.items()
        ]
        return [coded for coded in tried if not isinstance(coded, str)]
    attributes = []
    for column in requested:
        coded = _attribute(column, columns[column], MAX_VALUES)
        if isinstance(coded, str):
            raise UserError(f"{table}: {coded}")
        attributes.append(coded)
    return attributes


def _sentences(cell: Any) -> list[str]:
    """The captions in one cell: one sentence, or a list of them."""
    values = cell if isinstance(cell, list | tuple) else [cell]
    sentences = [" ".join(str(value).split()) for value in values if value is not None]
    return [sentence for sentence in sentences if sentence]


def _attribute(name: str, cells: Sequence[Any], max_values: int) -> tuple[Attribute, Array] | str:
    """The attribute in a column with its codes ``(N, width)``, or the reason why the column holds none."""
    if any(isinstance(cell, list | tuple | dict | bytes) for cell in cells):
        return f"the column {name} holds lists, not single words or numbers"
    numbers = [_number(cell) for cell in cells]
    distinct = {n for n in numbers if n is not None}
    if len(distinct) > 2 and all(n is not None or _empty(cell) for n, cell in zip(numbers, cells, strict=True)):
        return _continuous(name, numbers)
    words = [_word(cell) for cell in cells]
    values, indices = np.unique(words, return_inverse=True)
    if len(values) < 2:
        return f"the column {name} is {str(values[0])!r} in every row, so it is no condition"
    if len(values) > max_values:
        return f"the column {name} has {len(values)} different values, and an attribute may have {max_values}"
    return Attribute(name, tuple(map(str, values))), np.eye(len(values), dtype=np.float32)[indices.reshape(-1)]


def _continuous(name: str, numbers: Sequence[float | None]) -> tuple[Attribute, Array] | str:
    missing = sum(number is None for number in numbers)
    if missing:
        return f"the column {name} has no number in {missing} of its {len(numbers)} rows"
    values = np.asarray(numbers, dtype=np.float64)
    low, high = float(values.min()), float(values.max())
    codes = 2 * (values - low) / (high - low) - 1
    return Attribute(name, range=(low, high)), codes.astype(np.float32)[:, None]


def _number(cell: Any) -> float | None:
    """A cell as a finite number, or None."""
    if cell is None or isinstance(cell, bool):
        return None
    try:
        number = float(cell)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _empty(cell: Any) -> bool:
    return cell is None or str(cell).strip() == ""


def _word(cell: Any) -> str:
    if _empty(cell):
        return EMPTY_CELL_VALUE
    if isinstance(cell, bool):
        return str(cell).lower()
    return f"{cell:g}" if isinstance(cell, float) else " ".join(str(cell).split())
