"""The manifest that ``twoplayer data prepare`` writes beside images: what they are, and a hash of their content."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from twoplayer.data._identity import files_digest

__all__ = ["NAME", "Manifest", "content_of", "manifest_of"]

NAME = "prepared.json"


@dataclass(frozen=True)
class Manifest:
    """Name, options, counts and content hash of a prepared folder."""

    name: str
    """Name of the recipe."""
    options: dict[str, Any]
    side: int
    """Side of the images in pixels."""
    counts: dict[str, int]
    """Number of images by part."""
    sources: dict[str, str]
    """Versions of the packages that the images were made from."""
    content: str
    """`content_of` the folder."""

    def document(self) -> dict[str, Any]:
        """Plain values, as the file holds them."""
        return asdict(self)


def manifest_of(folder: Path) -> Manifest | None:
    """The manifest in a folder, or None where there is none that can be read."""
    try:
        document = json.loads((folder / NAME).read_bytes())
        return Manifest(**document)
    except (OSError, ValueError, TypeError):
        return None


def content_of(folder: Path) -> str:
    """A hash of every file below a folder, by name and content, but for the manifest."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != NAME)
    return files_digest((path.relative_to(folder).as_posix(), path) for path in files)
