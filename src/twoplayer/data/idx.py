"""IDX files as MNIST's: a folder of them, or one file of images.

Source: LeCun, Bottou, Bengio and Haffner, 1998, "Gradient-based learning applied to document recognition"
(MNIST, which comes in this format).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from twoplayer.core.errors import UserError
from twoplayer.data._base import DataSettings
from twoplayer.data._identity import files_digest
from twoplayer.data._idx import read_idx
from twoplayer.data._images import Images
from twoplayer.data._labels import UNLABELLED, labels_from_indices
from twoplayer.data._path_source import PathSource, slug
from twoplayer.data._reader import ArrayReader, ChainReader
from twoplayer.data._types import Array

__all__ = ["Idx"]


class _Pair(NamedTuple):
    images: Path
    labels: Path | None


class Idx(PathSource):
    """A folder of IDX files as MNIST's, or one IDX file of images, all plain or compressed (``.gz``).

    ``train-images-idx3-ubyte`` holds the training images and ``train-labels-idx1-ubyte``, if it is there, their labels.
    ``t10k-images-idx3-ubyte`` and ``t10k-labels-idx1-ubyte``, if they are there, are the held-out part. The labels of a
    single file of images are looked for beside it.

    Args:
        path: the folder, or the file of images.

    Raises:
        UserError: files that are damaged, of another format, or of different numbers or sizes.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)

    @classmethod
    def claims(cls, path: Path) -> bool:
        if path.is_dir():
            return _find(path, "train-images", 3) is not None
        return path.is_file() and bool(re.search(r"(idx\d-ubyte|\.idx)(\.gz)?$", path.name))

    def scan(self, settings: DataSettings) -> Images:
        pairs = self._pairs()
        files = [path for pair in pairs for path in pair if path is not None]
        source = self.path if self.path.is_dir() else Path(re.split(r"[-.](images|idx)", self.path.name)[0])
        return Images(
            name=slug(source.resolve().name),
            identity=files_digest((path.name, path) for path in files),
            read=lambda: _read(pairs),
            own_test=len(pairs) > 1,
        )

    def _pairs(self) -> list[_Pair]:
        if self.path.is_dir():
            pairs = [_pair(_find(self.path, f"{part}-images", 3)) for part in ("train", "t10k")]
            return [pair for pair in pairs if pair is not None]
        if "labels" in self.path.name:
            raise UserError(f"{self.path} holds labels: give the file of images, or the folder of both")
        return [pair for pair in [_pair(self.path)] if pair is not None]


def _find(folder: Path, stem: str, axes: int) -> Path | None:
    names = (f"{stem}{dash}idx{axes}-ubyte{end}" for dash in "-." for end in ("", ".gz"))
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _pair(images: Path | None) -> _Pair | None:
    if images is None:
        return None
    stem = re.split(r"[-.]idx3", images.name)[0].replace("images", "labels")
    return _Pair(images, _find(images.parent, stem, 1))


def _read(pairs: list[_Pair]) -> ChainReader:
    images = [read_idx(pair.images, 3) for pair in pairs]
    if len({part.shape[1:] for part in images}) > 1:
        raise UserError(f"the images in {pairs[0].images} and {pairs[1].images} differ in size")
    labels = [_labels(pair, len(part)) for pair, part in zip(pairs, images, strict=True)]
    present = [part for part in labels if part is not None]
    return ChainReader(
        [ArrayReader(part) for part in images],
        labels_from_indices(np.concatenate(present), ()) if len(present) == len(pairs) else UNLABELLED,
        first_test=len(images[0]) if len(pairs) > 1 else None,
    )


def _labels(pair: _Pair, count: int) -> Array | None:
    if pair.labels is None:
        return None
    labels = read_idx(pair.labels, 1)
    if len(labels) != count:
        raise UserError(f"{pair.labels} has {len(labels)} labels for the {count} images of {pair.images}")
    return labels
