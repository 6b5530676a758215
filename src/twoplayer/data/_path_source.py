"""The roots of sources that are read rather than drawn: `ScannableSource`, and `PathSource` for those at a path."""

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
    """A source that describes its data first (`scan`) and decodes them only where they are not in the cache.

    All such sources have the option `subset`, the number of training samples to take at random (`twoplayer.data.load`).
    """

    kind: Literal["images", "points"] | None = "images"
    """What `scan` returns; None where that is not known before."""
    own_resolution: ClassVar[bool] = True
    """Whether the `default_side` of images is the size that they are known to have, and not merely what training uses
    where the settings name no resolution."""

    @abstractmethod
    def scan(self, settings: DataSettings) -> Images | PointTable | Unpaired:
        """A description of the data that can be opened. Raises `UserError` with one sentence."""

    def open(self, settings: DataSettings) -> Dataset:
        return self.scan(settings).open(settings)


class PathSource(ScannableSource):
    """A source at a path, whose format `claims` recognizes: ``create(name, path, **options)``."""

    own_resolution: ClassVar[bool] = False
    general: ClassVar[bool] = False
    """Whether it is asked only where no other format claims the path."""

    @classmethod
    @abstractmethod
    def claims(cls, path: Path) -> bool:
        """Whether an existing path looks like this format."""


class ListedImages(PathSource):
    """Images at a path, with a table of labels, captions and attributes beside them or without.

    Args:
        path: where the images are.
        channels: 1 or 3; None decides by the images.
        table: name of the table; None takes the only one, "none" ignores tables.
        captions: columns of captions; None takes those named like captions.
        attributes: columns of attributes; None takes all others that can be one.
    """

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
        self.annotations = AnnotationRequest(captions, attributes)


def format_of(path: Path) -> str:
    """The name of the format that claims an existing `path`. Raises `UserError` where none does."""
    classes = {name: family.find(name) for name in family.importable_names()}
    formats = {name: cls for name, cls in classes.items() if issubclass(cls, PathSource)}
    for name in sorted(formats, key=lambda name: formats[name].general):
        if formats[name].claims(path):
            return name
    raise UserError(
        f"cannot tell the format of {path}: data are a folder or zip of images, a .npy, .npz or .csv file, "
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
