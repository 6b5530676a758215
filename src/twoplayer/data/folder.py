"""A folder of images, with class folders or a table of labels, captions and attributes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import ClassVar

from twoplayer.core.errors import UserError
from twoplayer.data._base import DataSettings
from twoplayer.data._files import IMAGE_ENDINGS, is_image
from twoplayer.data._identity import digest, files_digest
from twoplayer.data._images import Images
from twoplayer.data._listing import Listing, choose_table, listing_from_table, listing_without_table
from twoplayer.data._manifest import manifest_of
from twoplayer.data._path_source import ListedImages, slug
from twoplayer.data._reader import EncodedReader

__all__ = ["Folder"]


class Folder(ListedImages):
    """All images (png, jpg, webp, bmp, gif, tif) below a folder, as centred squares of 64 pixels.

    The settings may name another resolution.

    Where every image lies in one of several immediate subfolders, these are the classes. A table beside the images
    names the image of each row in its column ``file``, and may have columns ``label``, ``split`` (train or test),
    ``caption`` and any attributes; an image may have several rows, each with a caption.

    Args:
        path: the folder.
        channels: 1 makes gray images, 3 images in colour; None makes gray ones where every image is stored as gray.
        table: name of a CSV, TSV or JSONL file in the folder with a row for each image; None takes the only such
            file, or the only one called metadata, table, captions, attributes or labels; "none" ignores tables.
        captions: columns of the table that hold captions; None takes those named like captions (caption, caption_2,
            text, description ...).
        attributes: columns of the table that hold attributes; None takes all others that hold numbers or at most 64
            different words.

    Raises:
        UserError: a folder without images, a table or column that does not exist, and images without a row or
            caption.
    """

    general: ClassVar[bool] = True

    @classmethod
    def claims(cls, path: Path) -> bool:
        return path.is_dir()

    def scan(self, settings: DataSettings) -> Images:
        names = self._names()
        if not names:
            raise UserError(f"the folder {self.path} holds no images: put {', '.join(IMAGE_ENDINGS)} files there")
        own = [path.name for path in self.path.iterdir() if path.is_file()]
        table = choose_table(own, self.table, str(self.path))
        listing = listing_without_table(names) if table is None else self._tabled(names, table)

        def read() -> EncodedReader:
            return EncodedReader(
                len(names),
                lambda i: (self.path / listing.names[i]).read_bytes(),
                listing.names.__getitem__,
                listing.labels,
                annotations=listing.annotations,
                first_test=listing.first_test,
            )

        prepared = manifest_of(self.path)
        return Images(
            name=slug(self.path.resolve().name),
            identity=self._identity(names, table),
            read=read,
            own_test=listing.first_test is not None,
            default_side=64 if prepared is None else prepared.side,
            channels=self.channels,
        )

    def _tabled(self, names: list[str], table: str) -> Listing:
        path = self.path / table
        try:
            return listing_from_table(names, str(path), path.read_bytes(), self.annotations)
        except OSError as error:
            raise UserError(f"cannot read the table {path}: {error.strerror}") from error

    def _identity(self, names: list[str], table: str | None) -> str:
        images = files_digest((name, self.path / name) for name in names)
        if table is None:
            return images
        return digest(images, files_digest([(table, self.path / table)]), self.annotations)

    def _names(self) -> list[str]:
        files = (
            Path(folder, file).relative_to(self.path).as_posix()
            for folder, _, files in os.walk(self.path)
            for file in files
        )
        return sorted(name for name in files if is_image(name))
