"""Where runs are trained: devices that they take turns on, and joblib's backends that spread them."""

from __future__ import annotations

import contextlib
import getpass
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from twoplayer.core.errors import UserError, did_you_mean

__all__ = ["BACKENDS", "CLUSTERS", "POLL", "check_backend", "registered", "room", "turn"]

BACKENDS = ("threading", "loky", "ray", "dask")
"""Of joblib."""
CLUSTERS = ("ray", "dask")
"""Those that send runs to a cluster, whose machines must see the same folders."""
POLL = 0.2
"""Seconds between two looks at what is waited for."""


@contextlib.contextmanager
def turn(device: str, ended: Callable[[], bool]) -> Iterator[int | None]:
    """Wait for a device of this machine that no other timed run is using; its number where there are several.

    Waits no longer than until all has `ended`.

    A lock for each device in the machine's own temporary folder, so that it holds over all jobs, backends and
    comparisons at once.
    """
    try:
        import fcntl
    except ImportError:  # no such lock on this system
        yield None
        return
    cards = _cards(device)
    names = [f"card{n}" for n in cards] or ["cpu" if device == "auto" else device.replace(":", "")]
    stem = f"twoplayer-{getpass.getuser()}-{socket.gethostname()}"
    files = [(Path(tempfile.gettempdir()) / f"{stem}-{name}.lock").open("w") for name in names]
    taken = None
    try:
        while taken is None and not ended():
            for place, file in enumerate(files):
                with contextlib.suppress(OSError):
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    taken = place
                    break
            else:
                time.sleep(POLL)
        yield cards[taken] if taken is not None and len(cards) > 1 else None
    finally:
        for file in files:
            file.close()


def _cards(device: str) -> list[int]:
    """Numbers of this machine's CUDA devices that a run on `device` may take; none where it runs elsewhere."""
    if device.startswith("cuda:"):
        return [int(device.removeprefix("cuda:"))]
    if device not in ("auto", "cuda"):
        return []
    import torch

    return list(range(torch.cuda.device_count())) if torch.cuda.is_available() else []


def check_backend(backend: str, jobs: int | None) -> None:
    if backend not in BACKENDS:
        raise UserError(f"no backend is called {backend!r}: {did_you_mean(backend, BACKENDS)}")
    if jobs is not None and jobs < 1:
        raise UserError(f"--jobs must be at least 1, not {jobs}")


def room(backend: str) -> int:
    """How many runs a cluster has room for at a time; it must be registered."""
    import joblib

    with joblib.parallel_config(backend):
        return int(joblib.effective_n_jobs(-1))


@contextlib.contextmanager
def registered(backend: str) -> Iterator[None]:
    """Make a cluster's backend known to joblib. Raises `UserError` where its package is missing."""
    match backend:
        case "ray":
            try:
                import ray  # type: ignore[import-not-found]
                from ray.util.joblib import register_ray  # type: ignore[import-not-found]
            except ImportError as error:
                raise UserError(_lacking("ray", "ray", error)) from error
            register_ray()
            with contextlib.nullcontext() if ray.is_initialized() else _connected(ray):
                yield
        case "dask":
            try:
                from dask.distributed import Client  # type: ignore[import-not-found]
            except ImportError as error:
                raise UserError(_lacking("dask", "distributed", error)) from error
            with Client():  # the cluster that Dask's own configuration names, else one on this machine
                yield
        case _:
            yield


@contextlib.contextmanager
def _connected(ray: Any) -> Iterator[None]:
    """In touch with the cluster that $RAY_ADDRESS names, else with one on this machine."""
    ray.init(log_to_driver=False)
    try:
        yield
    finally:
        ray.shutdown()


def _lacking(backend: str, package: str, error: ImportError) -> str:
    """That a package is missing, or what that package misses itself."""
    known = error.name is None or error.name.partition(".")[0] in (backend, package)
    own = "" if known else f", which lacks {error.name}"
    return f"--backend {backend} needs the package {package}{own}: pip install {package}"
