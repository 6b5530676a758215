"""The two sides of a translation as folders hold them: which files are on a side, and which belong together."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from twoplayer.core.errors import UserError
from twoplayer.data._files import IMAGE_ENDINGS, is_image

__all__ = ["PairSide", "both_sides", "common_share", "has_two_sides", "paths_in"]

TRAIN, TESTS = "train", ("test", "val")


class _File(NamedTuple):
    stem: str
    """Its name below the part's folder, without its ending and without a last ``_A`` or ``_B``."""
    path: Path


@dataclass(frozen=True)
class PairSide:
    """The images of one side, in the order of their stems."""

    where: str
    """What to call it."""
    train: tuple[_File, ...]
    test: tuple[_File, ...] | None
    """None where the side has no test part of its own."""

    @property
    def files(self) -> list[Path]:
        """Those to train on, then those held out."""
        return [file.path for file in (*self.train, *(self.test or ()))]

    @property
    def first_test(self) -> int | None:
        """Where those held out begin."""
        return None if self.test is None else len(self.train)

    @property
    def stems(self) -> list[str]:
        """What partners have in common, the part included, one for each of `files`."""
        parts = (("train", self.train), ("test", self.test or ()))
        return [f"{part} {file.stem}" for part, files in parts for file in files]


def paths_in(text: str) -> tuple[Path, ...]:
    """One folder, or two with a comma between them."""
    one, comma, other = text.partition(",")
    whole = not comma or Path(text).expanduser().is_dir()
    return tuple(Path(part.strip()).expanduser() for part in ((text,) if whole else (one, other)))


def both_sides(paths: Sequence[Path]) -> list[PairSide]:
    """The sides in one folder or two; a single one of pictures that hold both, where one folder has no sides."""
    if len(paths) == 2:
        return [_side(path, path) for path in paths]
    (path,) = paths
    if all((path / letter).is_dir() for letter in "AB"):
        return [_side(path / letter, path / letter) for letter in "AB"]
    if has_two_sides(path):
        return [_side(path / f"{TRAIN}{letter}", path, letter) for letter in "AB"]
    return [_side(path, path)]


def has_two_sides(path: Path) -> bool:
    """Whether a folder holds ``trainA`` and ``trainB``."""
    return all((path / f"{TRAIN}{letter}").is_dir() for letter in "AB")


def common_share(one: Path, other: Path) -> float:
    """Which share of the names on the side with fewer of them the other has as well."""
    stems = [{file.stem for file in _files(folder)} for folder in (one, other)]
    return len(stems[0] & stems[1]) / max(1, min(map(len, stems)))


def _side(folder: Path, base: Path, letter: str = "") -> PairSide:
    """The images of `folder`, or of its part ``train``, with the test part that lies in `base`."""
    tests = [base / f"{test}{letter}" for test in TESTS]
    test = next((path for path in tests if path.is_dir()), None)
    train = folder / TRAIN if (folder / TRAIN).is_dir() else folder
    files = [file for file in _files(train) if not any(path in file.path.parents for path in tests)]
    if not files:
        raise UserError(f"the folder {train} holds no images: put {', '.join(IMAGE_ENDINGS)} files there")
    return PairSide(str(folder), tuple(files), None if test is None else tuple(_files(test)))


def _files(folder: Path) -> list[_File]:
    names = (Path(where, file).relative_to(folder) for where, _, files in os.walk(folder) for file in files)
    images = (name for name in names if is_image(name.as_posix()))
    return sorted(
        _File(re.sub(r"_[AB]$", "", PurePosixPath(name.with_suffix("")).as_posix()), folder / name) for name in images
    )
