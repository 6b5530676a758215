"""Hashes that say whether two data sets are the same."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from twoplayer.data._types import Array

__all__ = ["array_digest", "digest", "files_digest"]

MAX_HASHED_BYTES = 256 * 2**20
"""Bytes above which size and time of last change stand for the content, which would take too long to read."""


def digest(*parts: object) -> str:
    """32 hexadecimal digits for the parts' representations."""
    return hashlib.blake2b(repr(parts).encode(), digest_size=16).hexdigest()


def files_digest(files: Iterable[tuple[str, Path]]) -> str:
    """The identity of (relative name, path) pairs.

    Names, sizes and contents up to `MAX_HASHED_BYTES` bytes in all; names, sizes and times of last change
    beyond.
    """
    sized = [(name, path, _stat(path)) for name, path in files]
    small = sum(stat.st_size for _, _, stat in sized if stat) <= MAX_HASHED_BYTES
    return digest(
        *(
            (name, stat and (stat.st_size, _of_content(path) if small else stat.st_mtime_ns))
            for name, path, stat in sized
        )
    )


def array_digest(array: Array) -> str:
    """The identity of an array's shape, type and content (of its file, if it is a large memory map)."""
    filename = getattr(array, "filename", None)
    if filename is not None and array.nbytes > MAX_HASHED_BYTES:
        return digest(array.shape, array.dtype.str, files_digest([("", Path(filename))]))
    hasher = hashlib.blake2b(digest_size=16)
    for start in range(0, len(array), 4096):
        hasher.update(np.ascontiguousarray(array[start : start + 4096]).data)
    return digest(array.shape, array.dtype.str, hasher.hexdigest())


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:  # a dangling link: whoever reads the file will say so
        return None


def _of_content(path: Path) -> str | None:
    hasher = hashlib.blake2b(digest_size=16)
    try:
        with path.open("rb") as file:
            while chunk := file.read(2**20):
                hasher.update(chunk)
    except OSError:
        return None
    return hasher.hexdigest()
