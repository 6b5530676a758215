"""A folder of images (png, jpg, webp, bmp, gif, tif), class folders becoming labels."""

from __future__ import annotations

import os
from pathlib import Path
from typing import ClassVar, Literal

from twoplayer.data._base import Settings
from twoplayer.data._files import KINDS, class_labels, is_image
from twoplayer.data._identity import of_files
from twoplayer.data._images import Images
from twoplayer.data._located import Located, slug
from twoplayer.data._reader import EncodedReader
from twoplayer.errors import UserError

__all__ = ["Folder"]


class Folder(Located):
    """All images below `path`, cropped to centred squares of 64 pixels unless the settings say otherwise.

    Where every image lies in one of several immediate subfolders, those are the classes. `channels` is 1 for
    gray, 3 for colour; None means 3 if any file is stored in colour.
    """

    general: ClassVar[bool] = True

    def __init__(self, path: Path, *, channels: Literal[1, 3] | None = None) -> None:
        self.path, self.channels = Path(path), channels

    @classmethod
    def claims(cls, path: Path) -> bool:
        return path.is_dir()

    def scan(self, settings: Settings) -> Images:
        names = self._names()
        if not names:
            raise UserError(f"the folder {self.path} holds no images: put {', '.join(KINDS)} files there")

        def read() -> EncodedReader:
            return EncodedReader(
                len(names),
                lambda i: (self.path / names[i]).read_bytes(),
                names.__getitem__,
                class_labels(names),
            )

        return Images(
            name=slug(self.path.resolve().name),
            identity=of_files((name, self.path / name) for name in names),
            read=read,
            default_side=64,
            channels=self.channels,
        )

    def _names(self) -> list[str]:
        files = (
            Path(folder, file).relative_to(self.path).as_posix()
            for folder, _, files in os.walk(self.path)
            for file in files
        )
        return sorted(name for name in files if is_image(name))
