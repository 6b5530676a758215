"""Fashion-MNIST, from Debian's package ``dataset-fashion-mnist`` or any folder of its IDX files.

Source: Xiao, Rasul and Vollgraf, 2017, "Fashion-MNIST: a novel image dataset for benchmarking machine learning
algorithms".
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any, NamedTuple

from twoplayer.core.errors import UserError
from twoplayer.data._idx import read_idx
from twoplayer.data.fashion_mnist import DEBIAN
from twoplayer.data.preparing._base import PreparedData, Recipe, RecipeInputs

__all__ = ["FashionMnistRecipe"]

SIDE = 28


class _IdxPart(NamedTuple):
    stem: str
    name: str
    size: int
    digest: str
    """Of the bytes of its images and of its labels, blake2b."""


PARTS = (
    _IdxPart("train", "train", 60_000, "d58f4218efa83e06d5e68b96829505d4"),
    _IdxPart("t10k", "held_out", 10_000, "6a86a7e8b815c2fbc06096cc137e1e48"),
)


class FashionMnistRecipe(Recipe):
    """The four IDX files, checked: as pictures they would be 70,000 files for the same pixels."""

    @property
    def data_name(self) -> str:
        return "fashion-mnist"

    @property
    def options(self) -> dict[str, Any]:
        return {}

    def make(self, folder: Path, inputs: RecipeInputs) -> PreparedData:
        folder_of_idx = next((path for path in inputs.packages or [DEBIAN] if _file(path, "train-images-idx3")), None)
        if folder_of_idx is None:
            where = " or ".join(map(str, inputs.packages or [DEBIAN]))
            raise UserError(
                f"{where} has no IDX files of Fashion-MNIST: run apt install dataset-fashion-mnist, or give their "
                "folder"
            )
        for part in PARTS:
            _check(folder_of_idx, part)
            for kind in ("images-idx3", "labels-idx1"):
                file = _existing(folder_of_idx, f"{part.stem}-{kind}")
                shutil.copyfile(file, folder / file.name)
        return PreparedData(SIDE, {part.name: part.size for part in PARTS}, {"IDX files": str(folder_of_idx)})


def _check(folder: Path, part: _IdxPart) -> None:
    """Raise `UserError` unless the part's images and labels are those that were published."""
    images = read_idx(_existing(folder, f"{part.stem}-images-idx3"), 3)
    labels = read_idx(_existing(folder, f"{part.stem}-labels-idx1"), 1)
    if images.shape != (part.size, SIDE, SIDE):
        raise UserError(
            f"{part.stem}-images in {folder} has the shape {images.shape}, and Fashion-MNIST has {part.size:,} "
            f"images of {SIDE} pixels there: fetch it again"
        )
    if hashlib.blake2b(images.tobytes() + labels.tobytes(), digest_size=16).hexdigest() != part.digest:
        raise UserError(f"{part.stem}-images and labels in {folder} are not those of Fashion-MNIST: fetch it again")


def _existing(folder: Path, stem: str) -> Path:
    file = _file(folder, stem)
    if file is None:
        raise UserError(f"{folder} has no {stem}-ubyte: fetch Fashion-MNIST again")
    return file


def _file(folder: Path, stem: str) -> Path | None:
    names = (f"{stem}-ubyte{ending}" for ending in ("", ".gz"))
    return next((folder / name for name in names if (folder / name).is_file()), None)
