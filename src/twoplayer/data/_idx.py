"""IDX files, plain or gzipped.

Source: LeCun, Cortes and Burges, "The MNIST database of handwritten digits" (file formats).
"""

from __future__ import annotations

import gzip
import math
import struct
import tempfile
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np

from twoplayer.core.errors import UserError
from twoplayer.data._types import Array

__all__ = ["is_gzip", "read_idx"]

UNSIGNED_BYTES = 0x08
SPILL_BYTES = 256 * 2**20
CHUNK_BYTES = 2**24


def read_idx(path: Path, axes: int) -> Array:
    """The unsigned bytes in an IDX file with `axes` axes.

    A plain file is memory-mapped; a gzipped one of more than 256 MiB is unpacked into a temporary file and
    mapped. Raises `UserError` for another magic number, another number of axes, a cut or overlong file.
    """
    try:
        with _open(path) as file:
            shape = _shape(file, path, axes)
            if not is_gzip(path):
                return _mapped(path, shape)
            return _unpacked(file, path, shape)
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"cannot read the IDX file {path}: {error}") from error


def is_gzip(path: Path) -> bool:
    """Whether a file starts as gzip does, whatever it is called."""
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def _open(path: Path) -> BinaryIO:
    return gzip.open(path, "rb") if is_gzip(path) else path.open("rb")  # type: ignore[return-value]


def _shape(file: BinaryIO, path: Path, axes: int) -> tuple[int, ...]:
    magic = file.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] != UNSIGNED_BYTES:
        raise UserError(f"{path} is not an IDX file of unsigned bytes: its magic number is 0x{magic.hex()}")
    if magic[3] != axes:
        held = {1: "labels", 3: "images"}.get(magic[3], f"{magic[3]} axes")
        raise UserError(f"{path} holds {held} where {'images' if axes == 3 else 'labels'} were expected")
    sizes = file.read(4 * axes)
    if len(sizes) < 4 * axes:
        raise _cut(path, 4 + 4 * axes, 4 + len(sizes))
    return struct.unpack(f">{axes}I", sizes)


def _mapped(path: Path, shape: tuple[int, ...]) -> Array:
    offset = 4 + 4 * len(shape)
    expected, actual = offset + math.prod(shape), path.stat().st_size
    if actual != expected:
        raise _cut(path, expected, actual)
    if not math.prod(shape):
        return np.empty(shape, dtype=np.uint8)
    return np.memmap(path, np.uint8, "r", offset, shape)


def _unpacked(file: BinaryIO, path: Path, shape: tuple[int, ...]) -> Array:
    expected, actual = math.prod(shape), 0
    if expected <= SPILL_BYTES:
        data = file.read(expected + 1)
        if len(data) != expected:
            raise _cut(path, expected, len(data))
        return np.frombuffer(data, np.uint8).reshape(shape)
    with tempfile.TemporaryFile() as spill:
        while actual <= expected and (chunk := file.read(CHUNK_BYTES)):
            actual += spill.write(chunk)
        if actual != expected:
            raise _cut(path, expected, actual)
        spill.flush()
        return np.memmap(spill, np.uint8, "r", 0, shape)


def _cut(path: Path, expected: int, actual: int) -> UserError:
    fault = "is cut short" if actual < expected else "goes on after its end"
    return UserError(f"the IDX file {path} {fault} ({actual} bytes where {expected} were announced): fetch it again")
