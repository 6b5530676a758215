"""What ``twoplayer data prepare`` writes beside the images that it makes: what they are, and how to tell a change."""

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
    """What was prepared."""

    name: str
    """The recipe's."""
    options: dict[str, Any]
    side: int
    """Of its pictures, in pixels."""
    counts: dict[str, int]
    """How many pictures, by part."""
    sources: dict[str, str]
    """Versions or hashes of what it was made from."""
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
