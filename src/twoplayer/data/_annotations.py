"""What columns of a table say of images beside their labels: captions, and attributes as words and as numbers."""

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
"""Values beyond which a column that nobody asked for is no attribute, as where they are more than half its rows."""
MAX_VALUES = 1000
"""Values beyond which no column is."""
EMPTY_CELL_VALUE = "none"
"""The value of an attribute where a cell is empty."""


class Annotations(NamedTuple):
    """What is known of N images beside their labels."""

    attributes: tuple[Attribute, ...] = ()
    codes: Array | None = None
    """float32 ``(N, A)``, the attributes' columns one after the other; None without attributes."""
    captions: tuple[tuple[str, ...], ...] | None = None
    """At least one for each image; None without captions."""

    def rows(self, indices: Array) -> Annotations:
        """Those of some of the images."""
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
    columns: Columns, wanted: AnnotationRequest, names: Sequence[str], table: str, *, lenient: bool = False
) -> Annotations:
    """What `columns`, with one cell for each image of `names`, say of them; `table` is what to call their source.

    A column is one of words, or of numbers where all its cells are and they are more than two; an empty cell among
    words is the value "none". Raises `UserError` for wanted columns that are not there or cannot be attributes, and for
    an image without a caption; `lenient` does without captions then, unless their columns were asked for.
    """
    unknown = next((c for c in (*(wanted.captions or ()), *(wanted.attributes or ())) if c not in columns), None)
    if unknown is not None:
        raise UserError(f"{table} has no column {unknown!r}: {did_you_mean(unknown, columns)}")
    said = [*filter(is_caption, columns)] if wanted.captions is None else wanted.captions
    captions = _captions([columns[c] for c in said], names, table, lenient and wanted.captions is None)
    rest = {c: cells for c, cells in columns.items() if c not in said}
    found = _attributes(rest if wanted.attributes is None else columns, wanted.attributes, table)
    if not found:
        return Annotations(captions=captions)
    return Annotations(tuple(a for a, _ in found), np.concatenate([codes for _, codes in found], axis=1), captions)


def _captions(
    columns: Sequence[Sequence[Any]], names: Sequence[str], table: str, lenient: bool
) -> tuple[tuple[str, ...], ...] | None:
    """The captions of each image; None without columns of them."""
    if not columns:
        return None
    captions = tuple(tuple(said for cell in cells for said in _sentences(cell)) for cells in zip(*columns, strict=True))
    without = [name for name, sentences in zip(names, captions, strict=True) if not sentences]
    if without and not lenient:
        raise UserError(
            f"{len(without)} of the {len(names)} images have no caption in {table}, such as {without[0]}: write one "
            "for each, or remove the image"
        )
    return None if without else captions


def _attributes(columns: Columns, wanted: Sequence[str] | None, table: str) -> list[tuple[Attribute, Array]]:
    """The attributes in the columns wanted, or in all that hold one, each with its codes."""
    if wanted is None:
        tried = [
            _attribute(column, cells, min(MAX_VALUES_UNREQUESTED, len(cells) // 2)) for column, cells in columns.items()
        ]
        return [found for found in tried if not isinstance(found, str)]
    kept = []
    for column in wanted:
        found = _attribute(column, columns[column], MAX_VALUES)
        if isinstance(found, str):
            raise UserError(f"{table}: {found}")
        kept.append(found)
    return kept


def _sentences(cell: Any) -> list[str]:
    """The captions in one cell: one sentence, or a list of them."""
    several = cell if isinstance(cell, list | tuple) else [cell]
    tidy = [" ".join(str(said).split()) for said in several if said is not None]
    return [said for said in tidy if said]


def _attribute(name: str, cells: Sequence[Any], most: int) -> tuple[Attribute, Array] | str:
    """The attribute in a column with its codes ``(N, width)``, or why it is none."""
    if any(isinstance(cell, list | tuple | dict | bytes) for cell in cells):
        return f"the column {name} holds lists, not single words or numbers"
    numbers = [_number(cell) for cell in cells]
    distinct = {n for n in numbers if n is not None}
    if len(distinct) > 2 and all(n is not None or _empty(cell) for n, cell in zip(numbers, cells, strict=True)):
        return _continuous(name, numbers)
    words = [_word(cell) for cell in cells]
    values, indices = np.unique(words, return_inverse=True)
    if len(values) < 2:
        return f"the column {name} is {str(values[0])!r} everywhere, which tells nothing"
    if len(values) > most:
        return f"the column {name} has {len(values)} different values, more than the {most} that an attribute may have"
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
