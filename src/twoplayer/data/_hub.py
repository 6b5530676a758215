"""Data sets of the Hugging Face hub, downloaded through `datasets` or saved on disk."""

from __future__ import annotations

import contextlib
import os
import socket
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from twoplayer.core.errors import UserError

__all__ = ["Offline", "download_splits", "load_saved", "splits_of"]

TRUE_WORDS = frozenset({"1", "ON", "YES", "TRUE"})


class Offline(Exception):
    """The hub cannot be reached and nothing is in `datasets`' own cache."""


def download_splits(repository: str, config: str | None = None) -> Mapping[str, Any]:
    """The splits of a data set, by name, from the hub or from `datasets`' cache.

    Raises `Offline` without a connection and `UserError` for a data set that does not exist.
    """
    import datasets

    with _connection():
        try:
            return _splits(datasets.load_dataset(repository, config))
        except datasets.exceptions.DatasetNotFoundError as error:
            raise UserError(f"the hub has no public data set {repository}: check the name") from error
        except (ConnectionError, TimeoutError) as error:
            raise Offline(str(error)) from error
        except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError) as error:
            raise UserError(f"cannot load {repository}: {_first_line(error)}") from error


def load_saved(path: Path) -> Mapping[str, Any]:
    """The splits of a data set saved by ``save_to_disk``."""
    import datasets

    try:
        return _splits(datasets.load_from_disk(str(path)))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"cannot read the saved data set {path}: {_first_line(error)}") from error


def splits_of(dataset: Any) -> Mapping[str, Any]:
    """The splits of a `datasets.Dataset` or `DatasetDict` in memory, its format and transforms left out."""
    return _splits(dataset.with_format(None))


def _splits(loaded: Any) -> Mapping[str, Any]:
    return loaded if isinstance(loaded, dict) else {"train": loaded}


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".:") if lines else type(error).__name__


@contextlib.contextmanager
def _connection() -> Iterator[None]:
    """Offline mode where HF_HUB_OFFLINE asks for it now, or the hub's name does not resolve.

    Both libraries read the variable when they are imported, and without a network each request would be
    repeated for half a minute before it fails.
    """
    import datasets.config
    import huggingface_hub.constants

    if not (_asked_offline() or _unreachable(huggingface_hub.constants.ENDPOINT)):
        yield
        return
    modules: list[Any] = [datasets.config, huggingface_hub.constants]
    before = [module.HF_HUB_OFFLINE for module in modules]
    for module in modules:
        module.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        for module, value in zip(modules, before, strict=True):
            module.HF_HUB_OFFLINE = value


def _asked_offline() -> bool:
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in TRUE_WORDS


def _unreachable(endpoint: str) -> bool:
    if urllib.request.getproxies():
        return False  # a proxy may resolve what this machine cannot
    try:
        socket.getaddrinfo(urllib.parse.urlsplit(endpoint).hostname, 443)
    except OSError:
        return True
    return False
