"""A .csv or .tsv file of points, one per line."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from twoplayer.core.errors import UserError, did_you_mean
from twoplayer.data._base import DataSettings
from twoplayer.data._labels import UNLABELLED, encode_labels
from twoplayer.data._path_source import PathSource, slug
from twoplayer.data._points import PointTable
from twoplayer.data._types import Array

__all__ = ["Csv"]


class _Layout(NamedTuple):
    delimiter: str
    header: tuple[str, ...]
    columns: int


class Csv(PathSource):
    """Points of any dimension, one per line, separated by commas, semicolons, tabs or blanks.

    A first line that is not all numbers is the header.

    Args:
        path: the .csv or .tsv file.
        label: name of the column that holds the labels; a file without a column ``label`` has no labels.

    Raises:
        UserError: a file without points, cells that are not numbers, and a column of labels that does not exist.
    """

    kind: Literal["images", "points"] | None = "points"

    def __init__(self, path: Path, *, label: str = "label") -> None:
        self.path, self.label = Path(path), label

    @classmethod
    def claims(cls, path: Path) -> bool:
        return path.is_file() and path.suffix.lower() in {".csv", ".tsv"}

    def scan(self, settings: DataSettings) -> PointTable:
        layout = self._layout()
        labelled = self._label_column(layout)
        columns = [c for c in range(layout.columns) if c != labelled]
        values = self._read(layout, columns, float)
        name = slug(self.path.stem)
        if labelled is None:
            return PointTable(name, values, UNLABELLED)
        return PointTable(name, values, encode_labels(self._read(layout, [labelled], str)[:, 0], len(values), name))

    def _layout(self) -> _Layout:
        try:
            with self.path.open(encoding="utf-8-sig", newline="") as file:
                first, second = file.readline().strip(), file.readline().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"cannot read {self.path} as text: {error}") from error
        delimiter = next((d for d in ",;\t" if d in first), " ")
        fields = next(csv.reader([first], delimiter=delimiter, skipinitialspace=True), [])
        header = () if all(map(_is_number, fields)) else tuple(f.strip() for f in fields)
        if not fields or (header and not second):
            raise UserError(f"{self.path} holds no points: write one per line, coordinates separated by commas")
        return _Layout(delimiter, header, len(fields))

    def _label_column(self, layout: _Layout) -> int | None:
        names = [name.lower() for name in layout.header]
        if self.label.lower() in names:
            return names.index(self.label.lower())
        if self.label != "label":
            raise UserError(f"{self.path} has no column {self.label!r}: {did_you_mean(self.label, layout.header)}")
        return None

    def _read(self, layout: _Layout, columns: list[int], kind: type) -> Array:
        try:
            return np.loadtxt(
                self.path,
                dtype=kind,
                delimiter=None if layout.delimiter == " " else layout.delimiter,
                skiprows=1 if layout.header else 0,
                usecols=columns,
                ndmin=2,
                quotechar='"',
                comments=None,
                encoding="utf-8-sig",
            )
        except (ValueError, UnicodeDecodeError) as error:
            reason = " ".join(str(error).split()).rstrip(".;")
            raise UserError(f"cannot read the points in {self.path}: {reason}") from error


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
