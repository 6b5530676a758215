"""Decoded images on disk: one folder for each key, complete or absent.

``train.npy`` and ``held_out.npy`` are uint8 ``(N, H, W, C)``, written row by row, so that no more than a
block of images is ever in memory; ``train_attributes.npy``, ``held_out_attributes.npy`` and ``captions.json`` are
there where these are known; ``index.json`` holds labels, class names, attributes' names, what was skipped and the
files' sizes. A folder is written under another name, synced and renamed: a killed decode leaves nothing that looks
whole. A file of another size than the index says is damage, and the folder is decoded anew; a changed byte is
not seen.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import struct
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from twoplayer.core.cache import cache_root
from twoplayer.core.errors import UserError
from twoplayer.core.files import sync
from twoplayer.data._annotations import NO_ANNOTATIONS, Annotations
from twoplayer.data._attributes import Attribute
from twoplayer.data._base import DataSettings, SkippedImage
from twoplayer.data._types import Array

__all__ = ["CacheFolderStore", "DecodedParts", "ImageTable", "MemoryStore", "RowStore", "find_decoded"]

PARTS = ("train", "held_out")
CAPTIONS = "captions.json"
HEADER_BYTES = 128
STALE_SECONDS = 3600
FULL_OR_FORBIDDEN = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES})


@dataclass(frozen=True, eq=False)
class ImageTable:
    """What is known of decoded images beside their pixels; labels are int64 ``(N,)``."""

    train_labels: Array | None
    held_out_labels: Array | None
    class_names: tuple[str, ...]
    skipped: tuple[SkippedImage, ...]
    native: tuple[tuple[int, int], ...]
    """The smallest and the largest (height, width) that they had; nothing where that is not known."""
    train_annotations: Annotations = NO_ANNOTATIONS
    held_out_annotations: Annotations = NO_ANNOTATIONS


class DecodedParts(NamedTuple):
    """Decoded images, uint8 ``(N, H, W, C)``."""

    train: Array
    held_out: Array
    facts: ImageTable


class RowStore(ABC):
    """Where decoded rows go."""

    side_and_channels: tuple[int, int]

    @abstractmethod
    def part(self, name: str) -> contextlib.AbstractContextManager[Callable[[Array], object]]:
        """Open the part `name`: a function that appends a row."""

    @abstractmethod
    def finish(self, facts: ImageTable) -> DecodedParts:
        """Both parts as arrays."""


class MemoryStore(RowStore):
    """Rows kept in memory."""

    def __init__(self, shape: tuple[int, int, int]) -> None:
        self.side_and_channels = shape[1:]
        self._shape = shape
        self._rows: dict[str, list[Array]] = {name: [] for name in PARTS}

    @contextlib.contextmanager
    def part(self, name: str) -> Iterator[Callable[[Array], object]]:
        yield self._rows[name].append

    def finish(self, facts: ImageTable) -> DecodedParts:
        train, held_out = (np.array(self._rows[name], dtype=np.uint8).reshape(-1, *self._shape) for name in PARTS)
        return DecodedParts(train, held_out, facts)


class CacheFolderStore(RowStore):
    """Rows kept in the cache. Leaving the block without `finish` removes what was written."""

    def __init__(self, settings: DataSettings, key: str, name: str, count: int, shape: tuple[int, int, int]) -> None:
        self.side_and_channels = shape[1:]
        self._settings, self._key, self._shape = settings, key, shape
        self._target = cache_root(settings.cache) / "images" / key
        self._name, self._bytes = name, count * int(np.prod(shape))
        self._partial = Path()

    def __enter__(self) -> CacheFolderStore:
        parent = self._target.parent
        with _explained(parent):
            parent.mkdir(parents=True, exist_ok=True)
            _sweep(parent)
            _room(self._name, self._bytes, parent)
            self._partial = Path(tempfile.mkdtemp(prefix=f"{self._key}.", suffix=".partial", dir=parent))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self._partial, ignore_errors=True)
        if isinstance(error, OSError) and error.errno in FULL_OR_FORBIDDEN:
            raise _unwritable(self._target.parent, error) from error

    @contextlib.contextmanager
    def part(self, name: str) -> Iterator[Callable[[Array], object]]:
        with _file(self._partial, name).open("wb") as file:
            file.write(_header(0, self._shape))
            yield lambda row: file.write(np.ascontiguousarray(row).data)
            count = (file.tell() - HEADER_BYTES) // int(np.prod(self._shape))
            file.seek(0)
            file.write(_header(count, self._shape))
            _sync(file)

    def finish(self, facts: ImageTable) -> DecodedParts:
        _write_annotations(self._partial, facts)
        index = {
            "sizes": {path.name: path.stat().st_size for path in self._partial.iterdir()},
            "attributes": [asdict(attribute) for attribute in facts.train_annotations.attributes],
            "labels": {
                name: None if labels is None else labels.tolist()
                for name, labels in zip(PARTS, (facts.train_labels, facts.held_out_labels), strict=True)
            },
            "class_names": facts.class_names,
            "skipped": [asdict(s) for s in facts.skipped],
            "native": facts.native,
        }
        with (self._partial / "index.json").open("wb") as file:
            file.write(json.dumps(index).encode())
            _sync(file)
        self._publish()
        parts = find_decoded(self._settings, self._key)
        if parts is None:
            raise UserError(f"the cache in {self._target.parent} was changed while it was written: try again")
        return parts

    def _publish(self) -> None:
        if find_decoded(self._settings, self._key) is not None:
            return  # another process was faster
        shutil.rmtree(self._target, ignore_errors=True)
        # It fails only where another process has just put its own complete folder there.
        with contextlib.suppress(OSError):
            self._partial.rename(self._target)


def find_decoded(settings: DataSettings, key: str) -> DecodedParts | None:
    """What the cache holds under `key`, memory-mapped; None for nothing, or damage."""
    folder = cache_root(settings.cache) / "images" / key
    try:
        index: dict[str, Any] = json.loads((folder / "index.json").read_bytes())
        if any((folder / name).stat().st_size != size for name, size in index["sizes"].items()):
            return None
        labels = [index["labels"][name] for name in PARTS]
        train_labels, held_out_labels = (None if x is None else np.asarray(x, dtype=np.int64) for x in labels)
        skipped = tuple(SkippedImage(**s) for s in index["skipped"])
        facts = ImageTable(
            train_labels,
            held_out_labels,
            tuple(index["class_names"]),
            skipped,
            tuple((int(height), int(width)) for height, width in index.get("native", ())),
            *_annotations(folder, index["attributes"]),
        )
        return DecodedParts(_map(_file(folder, "train")), _map(_file(folder, "held_out")), facts)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write_annotations(folder: Path, facts: ImageTable) -> None:
    parts = dict(zip(PARTS, (facts.train_annotations, facts.held_out_annotations), strict=True))
    for name, part in parts.items():
        if part.codes is not None:
            np.save(folder / f"{name}_attributes.npy", part.codes)
    if facts.train_annotations.captions is not None:
        captions = {name: part.captions for name, part in parts.items()}
        (folder / CAPTIONS).write_text(json.dumps(captions, ensure_ascii=False), encoding="utf-8")
    for path in folder.iterdir():
        sync(path)


def _annotations(folder: Path, documents: list[dict[str, Any]]) -> list[Annotations]:
    """Those of both parts."""
    attributes = tuple(Attribute.of(document) for document in documents)
    captions: dict[str, Any] = dict.fromkeys(PARTS)
    if (folder / CAPTIONS).is_file():
        captions = json.loads((folder / CAPTIONS).read_bytes())
    return [
        Annotations(
            attributes,
            np.load(folder / f"{name}_attributes.npy", allow_pickle=False) if attributes else None,
            None if captions[name] is None else tuple(map(tuple, captions[name])),
        )
        for name in PARTS
    ]


def _file(folder: Path, part: str) -> Path:
    return folder / f"{part}.npy"


def _map(path: Path) -> Array:
    # An empty file's rows cannot be mapped.
    mapped = path.stat().st_size > HEADER_BYTES
    return np.asanyarray(np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False))


def _header(count: int, shape: tuple[int, int, int]) -> bytes:
    # A .npy header of one length for every count, so that the count can be filled in at the end.
    text = repr({"descr": "|u1", "fortran_order": False, "shape": (count, *map(int, shape))})
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", HEADER_BYTES - 10) + text.ljust(HEADER_BYTES - 11).encode() + b"\n"


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _sweep(folder: Path) -> None:
    """Remove what killed decodes left; a live one has written within the hour."""
    for partial in folder.glob("*.partial"):
        with contextlib.suppress(OSError):
            latest = max(path.stat().st_mtime for path in (partial, *partial.iterdir()))
            if time.time() - latest > STALE_SECONDS:
                shutil.rmtree(partial, ignore_errors=True)


def _room(name: str, needed: int, folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free - 2**20:
        raise UserError(
            f"{name} needs about {needed / 1e9:.1f} GB in {folder}, which has {free / 1e9:.1f} GB free: "
            "free some space or set TWOPLAYER_CACHE to another folder"
        )


@contextlib.contextmanager
def _explained(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _unwritable(folder, error) from error


def _unwritable(folder: Path, error: OSError) -> UserError:
    return UserError(
        f"cannot write the cache in {folder} ({error.strerror or error}): "
        "make room there or set TWOPLAYER_CACHE to another folder"
    )
