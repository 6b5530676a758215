"""A Hugging Face data set: of the hub, saved on disk, or a `datasets.Dataset` in memory (in Python)."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from twoplayer.core.errors import UserError
from twoplayer.data._annotations import AnnotationRequest
from twoplayer.data._base import DataSettings
from twoplayer.data._hub import Offline, download_splits, load_saved, splits_of
from twoplayer.data._images import Images
from twoplayer.data._path_source import PathSource, slug
from twoplayer.data._points import PointTable
from twoplayer.data._table import Columns, content_digest, describe_table

__all__ = ["HuggingFace"]

PREFIX = "hf:"


class HuggingFace(PathSource):
    """``hf:OWNER/NAME``, ``hf:OWNER/NAME:CONFIG``, a folder written by ``save_to_disk``, or an object of `datasets`.

    Without a column of images, all numeric columns but the label are points. Images are cropped to centred squares;
    they keep their own resolution up to 64 pixels unless the settings name one. Of a `datasets.Dataset` or
    `DatasetDict` in memory, formats and transforms are ignored.

    Args:
        path: the text or folder above, or a `datasets.Dataset` or `DatasetDict`.
        split: name of the split to train on.
        test: name of the split to hold out; None takes ``test`` where there is one, else a share of `split`.
        image: column of the images; None takes the first column of images.
        label: column of the labels; None takes the first column of classes, else one called label, labels, y, class or
            fine_label.
        partner: column of the images that belong to those of `image`, for translation; None means none.
        captions: columns of captions; None takes those named like captions (caption, text, description ...).
        attributes: columns of attributes; None takes all others that hold numbers, or at most 64 different words.
        channels: 1 makes gray images, 3 images in colour; None makes gray ones where every image is stored as gray.

    Raises:
        UserError: a data set, split or column that does not exist, and a hub that cannot be reached.
    """

    kind: Literal["images", "points"] | None = None

    def __init__(
        self,
        path: Any,
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
        if not isinstance(self.path, str | Path):
            name = slug(type(self.path).__name__)
            return describe_table(splits_of(self.path), self.columns, name, self.channels, identity=content_digest)
        if not str(self.path).startswith(PREFIX):
            splits, name = load_saved(Path(self.path)), slug(Path(self.path).resolve().name)
            return describe_table(splits, self.columns, name, self.channels)
        repository, _, config = str(self.path).removeprefix(PREFIX).partition(":")
        if not repository.strip("/"):
            raise UserError("hf: needs the name of a data set: write hf:OWNER/NAME")
        try:
            splits = download_splits(repository, config or None)
        except Offline:
            raise UserError(
                f"the Hugging Face hub cannot be reached for {repository}: connect, or save the data set "
                "elsewhere with save_to_disk and give the path of its folder"
            ) from None
        name = slug(f"{repository.split('/')[-1]}-{config}")
        return describe_table(splits, self.columns, name, self.channels)
