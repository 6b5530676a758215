"""A zip file of images, with class folders or a table of labels, captions and attributes."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

from twoplayer.core.errors import UserError
from twoplayer.data._base import DataSettings
from twoplayer.data._files import IMAGE_ENDINGS, is_image, is_table
from twoplayer.data._identity import digest
from twoplayer.data._images import Images
from twoplayer.data._listing import choose_table, listing_from_table, listing_without_table
from twoplayer.data._path_source import ListedImages, slug
from twoplayer.data._reader import EncodedReader

__all__ = ["Zip"]

Members = dict[str, zipfile.ZipInfo]


class Zip(ListedImages):
    """All images in a zip file, read as those in a folder are; one folder around everything is ignored.

    Args:
        path: the zip file.
        channels: 1 makes gray images, 3 images in colour; None makes gray ones where every image is stored as gray.
        table: name of a CSV, TSV or JSONL file in the zip file with a row for each image; None takes the only such
            file, or the only one called metadata, table, captions, attributes or labels; "none" ignores tables.
        captions: columns of the table that hold captions; None takes those named like captions (caption, caption_2,
            text, description ...).
        attributes: columns of the table that hold attributes; None takes all others that hold numbers or at most 64
            different words.

    Raises:
        UserError: a zip file that is damaged or holds no images, and tables as for a folder.
    """

    @classmethod
    def claims(cls, path: Path) -> bool:
        return path.is_file() and path.suffix.lower() == ".zip"

    def scan(self, settings: DataSettings) -> Images:
        members, beside = self._members()
        if not members:
            raise UserError(f"the zip file {self.path} holds no images: put {', '.join(IMAGE_ENDINGS)} files into it")
        names = list(members)
        table = choose_table(list(beside), self.table, str(self.path))
        listing = (
            listing_without_table(names)
            if table is None
            else listing_from_table(names, table, self._content(beside[table]), self.annotations)
        )

        def read() -> EncodedReader:
            archive = zipfile.ZipFile(self.path)
            return EncodedReader(
                len(names),
                lambda i: archive.read(members[listing.names[i]]),
                lambda i: members[listing.names[i]].filename,
                listing.labels,
                annotations=listing.annotations,
                first_test=listing.first_test,
            )

        table_identity = () if table is None else ((table, beside[table].CRC), self.annotations)
        return Images(
            name=slug(self.path.stem),
            identity=digest([(m.filename, m.file_size, m.CRC) for m in members.values()], *table_identity),
            read=read,
            own_test=listing.first_test is not None,
            default_side=64,
            channels=self.channels,
        )

    def _members(self) -> tuple[Members, Members]:
        """The images by their names inside the outermost folders, and the files beside those."""
        try:
            with zipfile.ZipFile(self.path) as archive:
                files = sorted((m for m in archive.infolist() if not m.is_dir()), key=lambda member: member.filename)
        except (OSError, zipfile.BadZipFile) as error:
            raise UserError(f"cannot read the zip file {self.path}: {error}") from error
        common = _common([m.filename for m in files if is_image(m.filename) or is_table(m.filename)])
        inside = {f"/{m.filename}".removeprefix(common).lstrip("/"): m for m in files}
        images = {name: member for name, member in inside.items() if is_image(name)}
        return images, {name: member for name, member in inside.items() if name not in images and "/" not in name}

    def _content(self, member: zipfile.ZipInfo) -> bytes:
        with zipfile.ZipFile(self.path) as archive:
            return archive.read(member)


def _common(names: list[str]) -> str:
    """The folder around all images and tables; nothing around a single file."""
    if len(names) < 2:
        return ""
    return os.path.commonpath([f"/{name.rpartition('/')[0]}" for name in names])
