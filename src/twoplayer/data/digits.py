"""Handwritten digits of 8 pixels, 1,797 of them, from scikit-learn.

Source: Alpaydin and Kaynak, 1998, "Optical recognition of handwritten digits" (UCI machine learning
repository).
"""

from __future__ import annotations

import gzip
import importlib.util
from pathlib import Path

import numpy as np

from twoplayer.data._base import DataSettings
from twoplayer.data._identity import array_digest
from twoplayer.data._images import Images
from twoplayer.data._labels import labels_from_indices
from twoplayer.data._path_source import ScannableSource
from twoplayer.data._reader import ArrayReader
from twoplayer.data._types import Array

__all__ = ["Digits"]


class Digits(ScannableSource):
    """1,797 gray images of 8 pixels with the labels 0 to 9; pixels of 0 to 16 are stretched to 0 to 255."""

    def scan(self, settings: DataSettings) -> Images:
        table = _table()
        pixels = np.rint(table[:, :-1] * (255 / 16)).astype(np.uint8).reshape(-1, 8, 8)
        labels = labels_from_indices(table[:, -1], ())
        return Images(
            name="digits",
            identity=array_digest(table),
            read=lambda: ArrayReader(pixels, labels),
            in_memory=True,
        )


def _table() -> Array:
    """64 pixels and the class in each row, float64 ``(1797, 65)``.

    Read from scikit-learn's own file: importing `sklearn.datasets` takes seconds.
    """
    spec = importlib.util.find_spec("sklearn")
    if spec is not None and spec.origin is not None:
        path = Path(spec.origin).parent / "datasets" / "data" / "digits.csv.gz"
        if path.is_file():
            with gzip.open(path, "rt") as file:
                return np.loadtxt(file, delimiter=",")
    from sklearn.datasets import load_digits

    digits = load_digits()
    return np.column_stack([digits.data, digits.target])
