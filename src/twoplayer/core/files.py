"""Files that are either whole or absent: atomic writes, and JSON that survives a crash in mid-line."""

from __future__ import annotations

import contextlib
import json
import math
import os
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from twoplayer.core.errors import UserError

__all__ = [
    "append_json_line",
    "check_free",
    "json_text",
    "read_json",
    "read_json_lines",
    "sync",
    "write_atomic",
    "write_json",
]


def write_atomic(path: Path, data: bytes | str) -> None:
    """Write `data` (text as UTF-8) so that a crash leaves the old file or the new one, never a part.

    The folder is made if need be. Raises `OSError` when the disk refuses; `path` is untouched then.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        with partial.open("xb") as file:
            file.write(data.encode() if isinstance(data, str) else data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    sync(path.parent)


def check_free(paths: Iterable[Path], *, overwrite: bool = False) -> None:
    """Raise `UserError` where a file lies that nobody has said to `overwrite`, or a folder in a file's place."""
    wanted = list(paths)
    folder = next((path for path in wanted if path.is_dir()), None)
    if folder is not None:
        raise UserError(f"{folder} is a folder: give the name of a file")
    there = [] if overwrite else [path for path in wanted if path.exists()]
    if not there:
        return
    if len(wanted) == 1:
        raise UserError(f"{there[0]} is there already: give another name, or `overwrite=True`")
    raise UserError(
        f"{len(there):,} of the {len(wanted):,} files to write are there already, such as {there[0]}: give another "
        "folder, or `overwrite=True`"
    )


def sync(path: Path) -> None:
    """Wait until the disk holds a file's content, or a folder's names where its file system can promise that.

    Raises `OSError` when the disk refuses a file.
    """
    folder = path.is_dir()
    with contextlib.suppress(OSError) if folder else contextlib.nullcontext():
        descriptor = os.open(path, os.O_RDONLY if folder else os.O_RDWR)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def json_text(value: Any, *, indent: int | None = None) -> str:
    """`value` as strict JSON: NaN and infinities become null, arrays lists, paths strings."""
    return json.dumps(_plain(value), indent=indent, ensure_ascii=False, allow_nan=False)


def write_json(path: Path, value: Any) -> None:
    """Write `value` atomically as indented JSON (see `json_text`)."""
    write_atomic(path, json_text(value, indent=2) + "\n")


def append_json_line(path: Path, record: Mapping[str, Any]) -> None:
    """Append one record to a JSON Lines file, first dropping a last line that a crash cut off."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        _drop_cut_line(file)
        file.write(json_text(record).encode() + b"\n")


def read_json(path: Path) -> Any:
    """The JSON document in `path`. Raises `UserError` when it is missing or not JSON."""
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        raise UserError(f"{path} is missing: give a folder that holds it.") from None
    except ValueError:
        raise UserError(f"{path} is not valid JSON: restore it from a copy or delete it.") from None


def read_json_lines(path: Path) -> list[dict[str, Any]]:
    """The records of a JSON Lines file, without a last line that a crash cut off; none if it is missing.

    The literals NaN and Infinity read as floats. Raises `UserError` when any other line is not a JSON object.
    """
    if not path.is_file():
        return []
    lines = [line for line in path.read_bytes().split(b"\n") if line.strip(b"\0 \t\r")]
    records = [_record(line) for line in lines]
    if records and records[-1] is None:
        records.pop()
    if None in records:
        number = records.index(None) + 1
        raise UserError(f"{path} is corrupt: delete its record {number}, which is not a JSON object.")
    return [record for record in records if record is not None]


def _record(line: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _plain(value: Any) -> Any:
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else None
        case Mapping():
            return {str(k): _plain(v) for k, v in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_plain(v) for v in value]
        case os.PathLike():
            return os.fspath(value)
    if hasattr(value, "tolist"):  # numpy and torch, scalars and arrays alike, without importing either
        return _plain(value.tolist())
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _drop_cut_line(file: Any) -> None:
    end = file.seek(0, os.SEEK_END)
    while end > 0:
        start = max(0, end - 65536)
        file.seek(start)
        newline = file.read(end - start).rfind(b"\n")
        if newline >= 0:
            end = start + newline + 1
            break
        end = start
    if end != file.seek(0, os.SEEK_END):
        file.truncate(end)
