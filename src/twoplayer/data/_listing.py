"""A table of what is known of images, beside them in their folder: CSV, TSV or JSONL, a row for each image."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from twoplayer.core.errors import UserError, did_you_mean
from twoplayer.data._annotations import NO_ANNOTATIONS, AnnotationRequest, Annotations, annotate
from twoplayer.data._files import TABLE_ENDINGS, class_labels, is_table
from twoplayer.data._labels import UNLABELLED, Labels, encode_labels

__all__ = ["Listing", "choose_table", "listing_from_table", "listing_without_table"]

TABLE_STEMS = ("metadata", "table", "captions", "attributes", "labels")
FILE_COLUMNS = ("file", "file_name", "filename", "image", "path")
LABEL_COLUMNS = ("label", "labels", "class")
SPLIT_COLUMN = "split"
TRAIN_WORDS = frozenset({"train", "training"})
TEST_WORDS = frozenset({"test", "testing", "held-out", "held_out", "heldout", "validation", "valid", "val"})

Row = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Listing:
    """Image files in the order in which they are read, with what is known of them."""

    names: tuple[str, ...]
    first_test: int | None = None
    """Where the table's held-out rows begin, if it has a column that tells."""
    annotations: Annotations = NO_ANNOTATIONS
    own_labels: Labels | None = None
    """The table's; None where class folders tell, unless they are those of the split."""

    @cached_property
    def labels(self) -> Labels:
        """One label for each of `names`, or none."""
        if self.own_labels is not None:
            return self.own_labels
        found = class_labels(self.names)
        only_split = self.first_test is not None and {name.lower() for name in found.names} <= TRAIN_WORDS | TEST_WORDS
        return UNLABELLED if only_split else found


def listing_without_table(names: Sequence[str]) -> Listing:
    """Images without a table."""
    return Listing(tuple(names))


def choose_table(files: Sequence[str], wanted: str | None, where: str) -> str | None:
    """The table among a folder's own files: the one wanted, else the only one, else one of a usual name.

    `wanted` may be "none". Raises `UserError` where it is not there, or several could be meant.
    """
    if wanted is not None and wanted.lower() == "none":
        return None
    tables = sorted(filter(is_table, files))
    if wanted is not None:
        if wanted not in tables:
            raise UserError(
                f"{where} has no table {wanted!r}: {did_you_mean(wanted, tables) if tables else TABLE_HINT}"
            )
        return wanted
    usual = [table for table in tables if table.rsplit(".", 1)[0].lower() in TABLE_STEMS]
    for candidates in (tables, usual):
        if len(candidates) == 1:
            return candidates[0]
    if tables:
        raise UserError(
            f"{where} holds the tables {', '.join(tables)}: say which tells of the images (data.table), or none"
        )
    return None


TABLE_HINT = f"a table lies beside the images and ends in {', '.join(TABLE_ENDINGS)}"


def listing_from_table(names: Sequence[str], table: str, data: bytes, wanted: AnnotationRequest) -> Listing:
    """The images `names` with what the table called `table`, of content `data`, says of them.

    Columns: ``file`` (or ``file_name``, ``image``, ``path``), the relative name of an image or its bare name;
    ``label``; ``split``, ``train`` or ``test``; ``caption`` (``caption_2`` ..., ``text``); and whatever can be an
    attribute. An image may have several rows, each with a caption. Raises `UserError` for a table that cannot be read,
    rows without images and images without rows or captions.
    """
    rows = _jsonl(data, table) if table.lower().endswith(".jsonl") else _csv(data, table)
    known = {column.lower(): column for column in rows[0]}
    file = next((known[column] for column in FILE_COLUMNS if column in known), None)
    if file is None:
        raise UserError(
            f"{table} has no column {FILE_COLUMNS[0]} that names the images: name it so, or set data.table to none"
        )
    label = next((known[column] for column in LABEL_COLUMNS if column in known), None)
    merged = _merged(_by_image(rows, file, names, table))
    order, first_test = _order(merged, names, known.get(SPLIT_COLUMN), table)
    ordered = tuple(names[i] for i in order)
    taken = {file, label, known.get(SPLIT_COLUMN)}
    columns = {c: [merged[name].get(c) for name in ordered] for c in rows[0] if c not in taken}
    labels = None if label is None else _labels([merged[name].get(label) for name in ordered], ordered, table)
    return Listing(ordered, first_test, annotate(columns, wanted, ordered, table), labels)


def _by_image(rows: Sequence[Row], file: str, names: Sequence[str], table: str) -> dict[str, list[Row]]:
    """The rows of each image, by its relative name."""
    find = _finder(names)
    found: dict[str, list[Row]] = {}
    strays: list[str] = []
    for row in rows:
        name = find(str(row[file]))
        if name is None:
            strays.append(str(row[file]))
        else:
            found.setdefault(name, []).append(row)
    if strays:
        raise UserError(
            f"{table} tells of {len(strays)} images that are not there, such as {strays[0]!r}: restore them, or remove "
            "their rows"
        )
    missing = [name for name in names if name not in found]
    if missing:
        raise UserError(
            f"{len(missing)} of the {len(names)} images have no row in {table}, such as {missing[0]}: write one for "
            "each, or remove the image"
        )
    return found


def _finder(names: Sequence[str]) -> Callable[[str], str | None]:
    """From what a table calls an image to its relative name; bare names do where they are unique."""
    exact = set(names)
    bare: dict[str, str | None] = {}
    for name in names:
        short = PurePosixPath(name).name
        bare[short] = None if short in bare else name

    def find(said: str) -> str | None:
        said = str(PurePosixPath(said.strip().replace("\\", "/")))
        return said if said in exact else bare.get(said)

    return find


def _merged(found: Mapping[str, Sequence[Row]]) -> dict[str, Row]:
    """One row for each image: cells that differ from row to row are put together, as captions are."""
    return {
        name: rows[0] if len(rows) == 1 else {c: _together([row.get(c) for row in rows]) for c in rows[0]}
        for name, rows in found.items()
    }


def _together(cells: Sequence[Any]) -> Any:
    if all(cell == cells[0] for cell in cells):
        return cells[0]
    return [said for cell in cells for said in (cell if isinstance(cell, list) else [cell])]


def _order(
    merged: Mapping[str, Row], names: Sequence[str], split: str | None, table: str
) -> tuple[Sequence[int], int | None]:
    """The images' order, training rows first, and where the held-out ones begin."""
    if split is None:
        return range(len(names)), None
    held_out = [_is_held_out(str(merged[name].get(split)), name, table) for name in names]
    order = sorted(range(len(names)), key=held_out.__getitem__)
    return order, len(names) - sum(held_out)


def _is_held_out(word: str, name: str, table: str) -> bool:
    if word.strip().lower() not in TRAIN_WORDS | TEST_WORDS:
        raise UserError(f"{table} has the {SPLIT_COLUMN} {word!r} for {name}: write train or test")
    return word.strip().lower() in TEST_WORDS


def _labels(values: Sequence[Any], names: Sequence[str], table: str) -> Labels:
    for value, name in zip(values, names, strict=True):
        if value is None or isinstance(value, list | dict) or not str(value).strip():
            raise UserError(f"{table} has no one label for {name}: write one in each row, or name the column otherwise")
    numbered = all(isinstance(value, int) or str(value).strip().isdecimal() for value in values)
    return encode_labels(
        np.array([int(v) for v in values] if numbered else [str(v).strip() for v in values]), len(names), table
    )


def _csv(data: bytes, table: str) -> list[Row]:
    text = _text(data, table)
    first = text.split("\n", 1)[0]
    delimiter = next((mark for mark in "\t;," if mark in first), ",")
    # Quotes may hold line breaks, so the reader counts the lines itself.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    try:
        header = [column.strip() for column in next(reader, [])]
        rows = [_row(header, cells, f"{table}, line {reader.line_num}") for cells in reader if any(cells)]
    except csv.Error as error:
        raise UserError(f"cannot read {table}, line {reader.line_num}: {error}") from error
    return _some(rows, table)


def _row(header: Sequence[str], cells: Sequence[str], where: str) -> Row:
    if len(cells) != len(header):
        raise UserError(
            f"{where} has {len(cells)} cells for {len(header)} columns: put cells that hold the separator in quotes"
        )
    return dict(zip(header, cells, strict=True))


def _jsonl(data: bytes, table: str) -> list[Row]:
    rows = []
    for number, line in enumerate(_text(data, table).split("\n"), 1):
        if line.strip():
            try:
                row = json.loads(line)
            except ValueError:
                row = None
            if not isinstance(row, dict):
                raise UserError(f"{table} holds no JSON object in line {number}: write one for each image")
            rows.append(row)
    columns = dict.fromkeys(column for row in rows for column in row)
    return _some([{column: row.get(column) for column in columns} for row in rows], table)


def _text(data: bytes, table: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{table} is not text in UTF-8 (byte {error.start}): save it as such") from error


def _some(rows: list[Row], table: str) -> list[Row]:
    if not rows:
        raise UserError(f"the table {table} has no rows: write one for each image under a line of column names")
    return rows
