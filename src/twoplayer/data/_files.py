"""Image files by their relative names: which of many names are images, and which classes they spell."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from twoplayer.data._labels import UNLABELLED, Labels, encode

__all__ = ["KINDS", "class_labels", "is_image"]

KINDS = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff")


def is_image(name: str) -> bool:
    """Whether a relative name ends like an image and is not hidden (``.thumbs``, ``__MACOSX``)."""
    parts = PurePosixPath(name).parts
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in parts)
    return not hidden and name.lower().endswith(KINDS)


def class_labels(names: Sequence[str]) -> Labels:
    """Labels where every image lies in one of at least two immediate subfolders, else none."""
    folders = list(_folders(names))
    if any(len(parts) != 1 for parts in folders) or len(set(folders)) < 2:
        return UNLABELLED
    return encode([parts[0] for parts in folders], len(names), "the folder")


def _folders(names: Iterable[str]) -> Iterable[tuple[str, ...]]:
    return (PurePosixPath(name).parts[:-1] for name in names)
