"""A zip file of images, class folders becoming labels."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Literal

from twoplayer.data._base import Settings
from twoplayer.data._files import KINDS, class_labels, is_image
from twoplayer.data._identity import digest
from twoplayer.data._images import Images
from twoplayer.data._located import Located, slug
from twoplayer.data._reader import EncodedReader
from twoplayer.errors import UserError

__all__ = ["Zip"]


class Zip(Located):
    """All images in the zip file `path`, read like a folder's.

    A single folder around everything is ignored.
    """

    def __init__(self, path: Path, *, channels: Literal[1, 3] | None = None) -> None:
        self.path, self.channels = Path(path), channels

    @classmethod
    def claims(cls, path: Path) -> bool:
        return path.is_file() and path.suffix.lower() == ".zip"

    def scan(self, settings: Settings) -> Images:
        members = self._members()
        names = [member.filename for member in members]
        if not names:
            raise UserError(f"the zip file {self.path} holds no images: put {', '.join(KINDS)} files into it")

        def read() -> EncodedReader:
            archive = zipfile.ZipFile(self.path)
            return EncodedReader(
                len(names),
                lambda i: archive.read(members[i]),
                names.__getitem__,
                class_labels(_inside(names)),
            )

        return Images(
            name=slug(self.path.stem),
            identity=digest([(m.filename, m.file_size, m.CRC) for m in members]),
            read=read,
            default_side=64,
            channels=self.channels,
        )

    def _members(self) -> list[zipfile.ZipInfo]:
        try:
            with zipfile.ZipFile(self.path) as archive:
                members = [member for member in archive.infolist() if is_image(member.filename)]
        except (OSError, zipfile.BadZipFile) as error:
            raise UserError(f"cannot read the zip file {self.path}: {error}") from error
        return sorted(members, key=lambda member: member.filename)


def _inside(names: list[str]) -> list[str]:
    if len(names) < 2:
        return names
    common = os.path.commonpath([f"/{name.rpartition('/')[0]}" for name in names])
    return [f"/{name}".removeprefix(common).lstrip("/") for name in names]
