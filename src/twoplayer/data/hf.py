"""A data set of the Hugging Face hub, or one saved on disk."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

from twoplayer.core.errors import UserError
from twoplayer.data._annotations import AnnotationRequest
from twoplayer.data._base import DataSettings
from twoplayer.data._hub import Offline, download, from_disk
from twoplayer.data._images import Images
from twoplayer.data._path_source import PathSource, slug
from twoplayer.data._points import PointTable
from twoplayer.data._table import Columns, describe_table

__all__ = ["HuggingFace"]

PREFIX = "hf:"


class HuggingFace(PathSource):
    """``hf:OWNER/NAME``, ``hf:OWNER/NAME:CONFIG`` or a folder written by ``save_to_disk``.

    `split` trains and `test` (None: ``test``, where there is one) is held out. `image` and `label` name
    columns; None takes the first column of images and of classes. `captions` and `attributes` name columns as for
    folders, and `partner` one of images that belong to those of `image`, for translation. Without images, all numeric
    columns are points. Images keep their own resolution up to 64 unless the settings say otherwise. `channels` is as
    for folders.
    """

    kind: ClassVar[Literal["images", "points"] | None] = None

    def __init__(
        self,
        path: str | Path,
        *,
        split: str = "train",
        test: str | None = None,
        image: str | None = None,
        label: str | None = None,
        partner: str | None = None,
        captions: list[str] | None = None,
        attributes: list[str] | None = None,
        channels: Literal[1, 3] | None = None,
    ) -> None:
        self.path, self.channels = path, channels
        self.columns = Columns(split, test, image, label, partner, AnnotationRequest(captions, attributes))

    @classmethod
    def claims(cls, path: Path) -> bool:
        return any((path / name).is_file() for name in ("dataset_dict.json", "dataset_info.json", "state.json"))

    def scan(self, settings: DataSettings) -> Images | PointTable:
        if not str(self.path).startswith(PREFIX):
            splits, name = from_disk(Path(self.path)), slug(Path(self.path).resolve().name)
            return describe_table(splits, self.columns, name, self.channels)
        repository, _, config = str(self.path).removeprefix(PREFIX).partition(":")
        if not repository.strip("/"):
            raise UserError("hf: needs the name of a data set: write hf:OWNER/NAME")
        try:
            splits = download(repository, config or None)
        except Offline:
            raise UserError(
                f"the Hugging Face hub cannot be reached for {repository}: connect, or save the data set "
                "elsewhere with save_to_disk and give the path of its folder"
            ) from None
        name = slug(f"{repository.split('/')[-1]}-{config}")
        return describe_table(splits, self.columns, name, self.channels)
