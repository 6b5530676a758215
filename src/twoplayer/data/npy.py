"""A .npy or .npz file of images or points."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from twoplayer.core.errors import UserError, did_you_mean
from twoplayer.data._arrays import describe_array
from twoplayer.data._base import DataSettings
from twoplayer.data._images import Images
from twoplayer.data._path_source import PathSource, slug
from twoplayer.data._points import PointTable
from twoplayer.data._types import Array

__all__ = ["Npy"]

SAMPLE_KEYS = ("images", "x", "data", "arr_0")
LABEL_KEYS = ("labels", "y")


class Npy(PathSource):
    """The array in a .npy file, which is memory-mapped, or the arrays of samples and labels in a .npz file.

    Shapes, types and value ranges are as for arrays in Python (``twoplayer list data array``). Pickled objects are
    refused.

    Args:
        path: the file.
        samples: name of the array of samples in a .npz file; None takes ``images``, ``x``, ``data`` or ``arr_0``.
        labels: name of the array of labels in a .npz file; None takes ``labels`` or ``y``, if there is one.

    Raises:
        UserError: a file that is damaged, has no such array, or holds anything but images or points.
    """

    kind: Literal["images", "points"] | None = None

    def __init__(self, path: Path, *, samples: str | None = None, labels: str | None = None) -> None:
        self.path, self.samples, self.labels = Path(path), samples, labels

    @classmethod
    def claims(cls, path: Path) -> bool:
        return path.is_file() and path.suffix.lower() in {".npy", ".npz"}

    def scan(self, settings: DataSettings) -> Images | PointTable:
        try:
            values, labels = self._load()
        except UserError:
            raise
        except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
            raise UserError(f"cannot read {self.path} as numpy arrays of numbers: {error}") from error
        return describe_array(values, labels, slug(self.path.stem))

    def _load(self) -> tuple[Array, Array | None]:
        if self.path.suffix.lower() == ".npy":
            return np.load(self.path, mmap_mode="r", allow_pickle=False), None
        with np.load(self.path, allow_pickle=False) as arrays:
            samples = _pick(arrays.files, self.samples, SAMPLE_KEYS, self.path)
            labels = _pick(arrays.files, self.labels, LABEL_KEYS, self.path, needed=False)
            return arrays[samples], arrays[labels] if labels else None


def _pick(keys: Sequence[str], requested: str | None, usual: Sequence[str], path: Path, needed: bool = True) -> Any:
    if requested is not None:
        if requested not in keys:
            raise UserError(f"{path} has no array {requested!r}: {did_you_mean(requested, keys)}")
        return requested
    key = next((key for key in usual if key in keys), None)
    if key is None and needed:
        raise UserError(f"{path} has none of the arrays {', '.join(usual)}: name one of {', '.join(keys)}")
    return key
