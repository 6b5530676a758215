"""Where what can be made again is kept between runs: decoded images, public data, trained classifiers, features."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twoplayer.core.files import json_text, sync, write_atomic

if TYPE_CHECKING:
    import numpy as np

__all__ = ["CacheEntry", "cache_root", "keep", "recall"]

CHUNK = 2**22


@dataclass(frozen=True, eq=False)
class CacheEntry:
    """What lies in the cache under a key: arrays by name, and the facts beside them."""

    arrays: dict[str, np.ndarray[Any, Any]]
    facts: dict[str, Any]


def cache_root(given: Path | None = None) -> Path:
    """The cache folder: the one given, else $TWOPLAYER_CACHE, else ~/.cache/twoplayer; it need not exist."""
    named = given or os.environ.get("TWOPLAYER_CACHE")
    return Path(named).expanduser() if named else Path.home() / ".cache" / "twoplayer"


def keep(folder: Path, key: str, kept: CacheEntry, what: str) -> None:
    """Put `kept` into `folder` as ``KEY.safetensors`` and ``KEY.json``.

    A folder that cannot be written costs a warning that names `what`, and the same work next time.
    """
    import numpy as np
    from safetensors.numpy import save_file

    path = folder / f"{key}.safetensors"
    partial = folder / f".{key}.{secrets.token_hex(4)}.partial"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        save_file({name: np.ascontiguousarray(array) for name, array in kept.arrays.items()}, partial)
        sync(partial)
        facts = {**kept.facts, "key": key, "digest": _digest(partial)}
        partial.replace(path)
        write_atomic(path.with_suffix(".json"), json_text(facts, indent=2) + "\n")
    except (OSError, _refusal()) as problem:
        with contextlib.suppress(OSError):
            partial.unlink()
        reason = getattr(problem, "strerror", None) or problem
        warnings.warn(f"{folder} cannot keep {what} ({reason}): set TWOPLAYER_CACHE.", UserWarning, stacklevel=3)


def recall(folder: Path, key: str) -> CacheEntry | None:
    """What lies in `folder` under `key`; None where nothing does, or the two files are not whole and of one making."""
    from safetensors.numpy import load_file

    path = folder / f"{key}.safetensors"
    try:
        facts = json.loads(path.with_suffix(".json").read_bytes())
        if not isinstance(facts, Mapping) or facts.get("key") != key or facts.get("digest") != _digest(path):
            return None
        return CacheEntry(load_file(path), dict(facts))
    except (OSError, ValueError, _refusal()):
        return None


def _refusal() -> type[Exception]:
    """What safetensors raises, for a full disk too."""
    from safetensors import SafetensorError

    return SafetensorError  # type: ignore[no-any-return]


def _digest(path: Path) -> str:
    hasher = hashlib.blake2b(digest_size=16)
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            hasher.update(chunk)
    return hasher.hexdigest()
