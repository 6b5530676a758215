"""A table of labels, captions and attributes beside the images of a folder: CSV, TSV or JSONL, a row for each image."""

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
    """Image files in the order in which they are read, with their labels, captions and attributes."""

    names: tuple[str, ...]
    first_test: int | None = None
    """Index of the first held-out image; None where the table has no column ``split``."""
    annotations: Annotations = NO_ANNOTATIONS
    own_labels: Labels | None = None
    """Labels in the table; None takes the class folders, unless these are the parts of the split."""

    @cached_property
    def labels(self) -> Labels:
        """One label for each of `names`, or none."""
        if self.own_labels is not None:
            return self.own_labels
        labels = class_labels(self.names)
        only_split = self.first_test is not None and {name.lower() for name in labels.names} <= TRAIN_WORDS | TEST_WORDS
        return UNLABELLED if only_split else labels


def listing_without_table(names: Sequence[str]) -> Listing:
    """Images without a table."""
    return Listing(tuple(names))


def choose_table(files: Sequence[str], requested: str | None, where: str) -> str | None:
    """The table among the files of a folder.

    Args:
        files: names of the files in the folder itself.
        requested: name of the table, or "none"; None takes the only table, or the only one with a usual name.
        where: the folder, for messages.

    Raises:
        UserError: a requested table that does not exist, or several tables of which none is requested.
    """
    if requested is not None and requested.lower() == "none":
        return None
    tables = sorted(filter(is_table, files))
    if requested is not None:
        if requested not in tables:
            hint = did_you_mean(requested, tables) if tables else TABLE_HINT
            raise UserError(f"{where} has no table {requested!r}: {hint}")
        return requested
    usually_named = [table for table in tables if table.rsplit(".", 1)[0].lower() in TABLE_STEMS]
    for candidates in (tables, usually_named):
        if len(candidates) == 1:
            return candidates[0]
    if tables:
        raise UserError(f"{where} holds the tables {', '.join(tables)}: name the one to use (data.table), or none")
    return None


TABLE_HINT = f"a table lies beside the images and ends in {', '.join(TABLE_ENDINGS)}"


def listing_from_table(names: Sequence[str], table: str, data: bytes, request: AnnotationRequest) -> Listing:
    """Images with the labels, captions, attributes and parts that a table gives them.

    Columns are ``file`` (or ``file_name``, ``image``, ``path``), the relative name of an image or its bare name;
    ``label``; ``split``, ``train`` or ``test``; ``caption`` (``caption_2`` ..., ``text``); and any attributes. An image
    may have several rows, each with a caption.

    Args:
        names: relative names of the images.
        table: name of the table, which tells its format; for messages too.
        data: content of the table.
        request: which columns to use for captions and attributes.

    Raises:
        UserError: a table that cannot be read, rows without images, and images without a row or a caption.
    """
    rows = _jsonl(data, table) if table.lower().endswith(".jsonl") else _csv(data, table)
    by_lower_name = {column.lower(): column for column in rows[0]}
    file = next((by_lower_name[column] for column in FILE_COLUMNS if column in by_lower_name), None)
    if file is None:
        raise UserError(
            f"{table} has no column {FILE_COLUMNS[0]} that names the images: name it so, or set data.table to none"
        )
    label = next((by_lower_name[column] for column in LABEL_COLUMNS if column in by_lower_name), None)
    split = by_lower_name.get(SPLIT_COLUMN)
    row_of = _merged(_by_image(rows, file, names, table))
    order, first_test = _order(row_of, names, split, table)
    ordered = tuple(names[i] for i in order)
    columns = {c: [row_of[name].get(c) for name in ordered] for c in rows[0] if c not in {file, label, split}}
    labels = None if label is None else _labels([row_of[name].get(label) for name in ordered], ordered, table)
    return Listing(ordered, first_test, annotate(columns, request, ordered, table), labels)


def _by_image(rows: Sequence[Row], file: str, names: Sequence[str], table: str) -> dict[str, list[Row]]:
    """The rows of each image, by its relative name."""
    resolve = _name_resolver(names)
    rows_by_image: dict[str, list[Row]] = {}
    missing_images: list[str] = []
    for row in rows:
        name = resolve(str(row[file]))
        if name is None:
            missing_images.append(str(row[file]))
        else:
            rows_by_image.setdefault(name, []).append(row)
    if missing_images:
        raise UserError(
            f"{table} has rows for {len(missing_images)} images that do not exist, such as {missing_images[0]!r}: "
            "restore the images, or remove their rows"
        )
    missing = [name for name in names if name not in rows_by_image]
    if missing:
        raise UserError(
            f"{len(missing)} of the {len(names)} images have no row in {table}, such as {missing[0]}: write one for "
            "each, or remove the image"
        )
    return rows_by_image


def _name_resolver(names: Sequence[str]) -> Callable[[str], str | None]:
    """A function from a name in the table to an image's relative name; bare names are accepted where unique."""
    relative_names = set(names)
    by_bare_name: dict[str, str | None] = {}
    for name in names:
        bare_name = PurePosixPath(name).name
        by_bare_name[bare_name] = None if bare_name in by_bare_name else name

    def resolve(text: str) -> str | None:
        name = str(PurePosixPath(text.strip().replace("\\", "/")))
        return name if name in relative_names else by_bare_name.get(name)

    return resolve


def _merged(rows_by_image: Mapping[str, Sequence[Row]]) -> dict[str, Row]:
    """One row for each image: where cells differ from row to row, as captions do, a list of them."""
    return {
        name: rows[0] if len(rows) == 1 else {c: _merged_cells([row.get(c) for row in rows]) for c in rows[0]}
        for name, rows in rows_by_image.items()
    }


def _merged_cells(cells: Sequence[Any]) -> Any:
    if all(cell == cells[0] for cell in cells):
        return cells[0]
    return [value for cell in cells for value in (cell if isinstance(cell, list) else [cell])]


def _order(
    row_of: Mapping[str, Row], names: Sequence[str], split: str | None, table: str
) -> tuple[Sequence[int], int | None]:
    """The order of the images, training part first, and the place of the first held-out one."""
    if split is None:
        return range(len(names)), None
    held_out = [_is_held_out(str(row_of[name].get(split)), name, table) for name in names]
    order = sorted(range(len(names)), key=held_out.__getitem__)
    return order, len(names) - sum(held_out)


def _is_held_out(word: str, name: str, table: str) -> bool:
    if word.strip().lower() not in TRAIN_WORDS | TEST_WORDS:
        raise UserError(f"{table} has the {SPLIT_COLUMN} {word!r} for {name}: write train or test")
    return word.strip().lower() in TEST_WORDS


def _labels(values: Sequence[Any], names: Sequence[str], table: str) -> Labels:
    for value, name in zip(values, names, strict=True):
        if value is None or isinstance(value, list | dict) or not str(value).strip():
            raise UserError(f"{table} has no single label for {name}: write one in each row, or rename the column")
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
    return _checked(rows, table)


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
    return _checked([{column: row.get(column) for column in columns} for row in rows], table)


def _text(data: bytes, table: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{table} is not text in UTF-8 (byte {error.start}): save it as such") from error


def _checked(rows: list[Row], table: str) -> list[Row]:
    if not rows:
        raise UserError(f"the table {table} has no rows: write one for each image under a line of column names")
    return rows
