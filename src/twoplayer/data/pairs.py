"""Images in two versions, for translation: two folders, A and B, or both side by side in one image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from twoplayer.core.errors import UserError
from twoplayer.data import _pixels
from twoplayer.data._base import DataSettings
from twoplayer.data._identity import digest, files_digest
from twoplayer.data._images import Images
from twoplayer.data._manifest import manifest_of
from twoplayer.data._pair_sides import PairSide, both_sides, common_share, has_two_sides, paths_in
from twoplayer.data._path_source import PathSource, slug
from twoplayer.data._reader import Decode, EncodedReader, ImageReader, PairedReader
from twoplayer.data._unpaired import Unpaired

__all__ = ["ImagePairs"]

PREFIX = "pairs:"
MIN_COMMON_SHARE = 0.5
"""Share of common names from which folders A and B are taken for two sides, and not for two classes."""


class ImagePairs(PathSource):
    """Two sets of images, A and B, for translation: paired where both have the same names, else unpaired.

    Accepted are ``pairs:FOLDER_A,FOLDER_B``; a folder of two folders ``A`` and ``B``, or ``trainA`` and ``trainB``
    (with ``testA`` and ``testB`` to hold out); and ``pairs:FOLDER`` with images of two halves, A left and B right.
    Either side may have the parts ``train`` and ``test`` (or ``val``), of which the second is held out. ``7_A.png`` and
    ``7_B.png`` count as the same name. Images are cropped to centred squares of 64 pixels unless the settings name
    another resolution.

    Args:
        path: the text or folder above.
        paired: True demands the same names on both sides, False ignores names; None pairs where the names are the
            same.
        channels: 1 makes gray images, 3 images in colour; None makes gray ones where every image is stored as gray.

    Raises:
        UserError: a folder that does not exist or has no images, and sides of different names where `paired` is
            True.
    """

    def __init__(self, path: str | Path, *, paired: bool | None = None, channels: Literal[1, 3] | None = None) -> None:
        self.paths = paths_in(str(path).removeprefix(PREFIX))
        self.paired, self.channels = paired, channels

    @classmethod
    def claims(cls, path: Path) -> bool:
        if not path.is_dir():
            return False
        if has_two_sides(path):
            return True
        below = {child.name for child in path.iterdir() if child.is_dir() and not child.name.startswith(".")}
        return below == {"A", "B"} and common_share(path / "A", path / "B") >= MIN_COMMON_SHARE

    def scan(self, settings: DataSettings) -> Images | Unpaired:
        missing = next((path for path in self.paths if not path.is_dir()), None)
        if missing is not None:
            raise UserError(f"there is no folder {missing}: write {PREFIX}FOLDER, or {PREFIX}FOLDER_A,FOLDER_B")
        sides = both_sides(self.paths)
        if len(sides) == 1:
            return self._images(sides, lambda: _reader(sides[0], _pixels.decode_halves), paired=True)
        if self._are_paired(*sides):
            return self._images(sides, lambda: PairedReader(*map(_reader, sides)), paired=True)
        one, other = sides
        return Unpaired(
            self._name,
            self._images([one], lambda: _reader(one), paired=False),
            self._images([other], lambda: _reader(other), paired=False),
        )

    def _are_paired(self, one: PairSide, other: PairSide) -> bool:
        lone = sorted(set(one.stems) ^ set(other.stems))
        matched = not lone and len(one.files) == len(other.files)
        if self.paired and not matched:
            example = f" ({lone[0].partition(' ')[2]} has no partner)" if lone else ""
            raise UserError(
                f"pairs need the same names on both sides, and {one.where} has {len(one.files)} images and "
                f"{other.where} {len(other.files)}{example}: add what is missing, or leave data.paired out"
            )
        return matched and self.paired is not False

    def _images(self, sides: Sequence[PairSide], read: Callable[[], ImageReader], *, paired: bool) -> Images:
        prepared = manifest_of(self.paths[0])
        content = [files_digest((stem, file) for stem, file in zip(s.stems, s.files, strict=True)) for s in sides]
        return Images(
            name=self._name,
            identity=digest("paired" if paired else "unpaired", *content),
            read=read,
            own_test=all(side.test is not None for side in sides),
            default_side=64 if prepared is None else prepared.side,
            channels=self.channels,
            paired=paired,
        )

    @property
    def _name(self) -> str:
        return slug("-".join(path.resolve().name for path in self.paths))


def _reader(side: PairSide, decode: Decode | None = None) -> EncodedReader:
    files = side.files
    return EncodedReader(
        len(files), lambda i: files[i].read_bytes(), lambda i: str(files[i]), first_test=side.first_test, decode=decode
    )
