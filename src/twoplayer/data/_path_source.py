"""The roots of everything that is read rather than drawn: sources, and sources that have a path."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Any, ClassVar, Literal

from twoplayer.core.errors import UserError
from twoplayer.data._annotations import AnnotationRequest
from twoplayer.data._base import Dataset, DataSettings, Source
from twoplayer.data._family import create, family
from twoplayer.data._images import Images
from twoplayer.data._points import PointTable
from twoplayer.data._unpaired import Unpaired

__all__ = ["ListedImages", "PathSource", "ScannableSource", "at_path", "format_of", "slug"]


class ScannableSource(Source):
    """A source that looks at what it has first (`scan`) and reads all of it only where the cache has not."""

    kind: Literal["images", "points"] | None = "images"
    """What `scan` returns; None where that is not known before."""
    own_resolution: ClassVar[bool] = True
    """Whether the `default_side` of images is the size that they are known to have, and not merely what training uses
    where the settings name no resolution."""

    @abstractmethod
    def scan(self, settings: DataSettings) -> Images | PointTable | Unpaired:
        """What there is to open. Raises `UserError` with one sentence."""

    def open(self, settings: DataSettings) -> Dataset:
        return self.scan(settings).open(settings)


class PathSource(ScannableSource):
    """A source at a path, which it recognizes by cheap signs: ``create(name, path, **options)``."""

    own_resolution: ClassVar[bool] = False
    general: ClassVar[bool] = False
    """Whether it only takes what no other format claims."""

    @classmethod
    @abstractmethod
    def claims(cls, path: Path) -> bool:
        """Whether an existing path looks like this format."""


class ListedImages(PathSource):
    """Images at a path, with a table beside them, if any, that tells of them."""

    def __init__(
        self,
        path: Path,
        *,
        channels: Literal[1, 3] | None = None,
        table: str | None = None,
        captions: list[str] | None = None,
        attributes: list[str] | None = None,
    ) -> None:
        self.path, self.channels, self.table = Path(path), channels, table
        self.wanted = AnnotationRequest(captions, attributes)


def format_of(path: Path) -> str:
    """The name of the format that claims an existing `path`. Raises `UserError` where none does."""
    classes = {name: family.find(name) for name in family.importable_names()}
    formats = {name: cls for name, cls in classes.items() if issubclass(cls, PathSource)}
    for name in sorted(formats, key=lambda name: formats[name].general):
        if formats[name].claims(path):
            return name
    raise UserError(
        f"cannot tell what {path} is: data are a folder or zip of images, a .npy, .npz or .csv file, "
        "IDX files or a saved Hugging Face data set"
    )


def at_path(path: Path, **options: Any) -> PathSource:
    """The source for an existing `path`."""
    source: PathSource = create(format_of(path), path, **options)
    return source


def slug(text: str, otherwise: str = "data") -> str:
    """`text` with every run of characters other than letters, digits and ``._+-`` turned into a dash."""
    import re

    return re.sub(r"[^A-Za-z0-9._+-]+", "-", text).strip("-.") or otherwise
