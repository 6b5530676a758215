"""Image files by their relative names: which of many names are images, and which classes they spell."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from twoplayer.data._labels import UNLABELLED, Labels, encode_labels

__all__ = ["IMAGE_ENDINGS", "TABLE_ENDINGS", "class_labels", "is_image", "is_table"]

IMAGE_ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff")
TABLE_ENDINGS = (".csv", ".tsv", ".jsonl")


def is_image(name: str) -> bool:
    """Whether a relative name ends like an image and is not hidden (``.thumbs``, ``__MACOSX``)."""
    return name.lower().endswith(IMAGE_ENDINGS) and not _hidden(name)


def is_table(name: str) -> bool:
    """Whether a relative name ends like a table and is not hidden."""
    return name.lower().endswith(TABLE_ENDINGS) and not _hidden(name)


def _hidden(name: str) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in PurePosixPath(name).parts)


def class_labels(names: Sequence[str]) -> Labels:
    """Labels where every image lies in one of at least two immediate subfolders, else none."""
    folders = list(_folders(names))
    if any(len(parts) != 1 for parts in folders) or len(set(folders)) < 2:
        return UNLABELLED
    return encode_labels([parts[0] for parts in folders], len(names), "the folder")


def _folders(names: Iterable[str]) -> Iterable[tuple[str, ...]]:
    return (PurePosixPath(name).parts[:-1] for name in names)
