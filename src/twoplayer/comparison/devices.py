"""Where the runs of a comparison are trained: exclusive use of devices, and joblib's backends."""

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

__all__ = [
    "BACKENDS",
    "CLUSTER_BACKENDS",
    "POLL_SECONDS",
    "check_backend",
    "cluster_capacity",
    "exclusive_device",
    "registered_backend",
]

BACKENDS = ("threading", "loky", "ray", "dask")
"""Of joblib."""
CLUSTER_BACKENDS = ("ray", "dask")
"""Backends that send runs to a cluster, whose machines must share the comparison's folder."""
POLL_SECONDS = 0.2
"""Between two checks of something that is waited for."""


@contextlib.contextmanager
def exclusive_device(device: str, stopped: Callable[[], bool]) -> Iterator[int | None]:
    """Hold a device of this machine that no other timed run is using, and wait for one before.

    Each device has a lock in the machine's folder of temporary files, so that it is exclusive across all jobs, backends
    and comparisons.

    Args:
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"``.
        stopped: is called repeatedly; True ends the waiting without a device.

    Yields:
        The number of the CUDA device where there are several, else None.
    """
    try:
        import fcntl
    except ImportError:  # no such locks on this system
        yield None
        return
    numbers = _cuda_devices(device)
    names = [f"card{n}" for n in numbers] or ["cpu" if device == "auto" else device.replace(":", "")]
    stem = f"twoplayer-{getpass.getuser()}-{socket.gethostname()}"
    files = [(Path(tempfile.gettempdir()) / f"{stem}-{name}.lock").open("w") for name in names]
    locked = None
    try:
        while locked is None and not stopped():
            for index, file in enumerate(files):
                with contextlib.suppress(OSError):
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    locked = index
                    break
            else:
                time.sleep(POLL_SECONDS)
        yield numbers[locked] if locked is not None and len(numbers) > 1 else None
    finally:
        for file in files:
            file.close()


def _cuda_devices(device: str) -> list[int]:
    """Numbers of this machine's CUDA devices that a run on `device` may use; none if it uses no CUDA device."""
    if device.startswith("cuda:"):
        return [int(device.removeprefix("cuda:"))]
    if device not in ("auto", "cuda"):
        return []
    import torch

    return list(range(torch.cuda.device_count())) if torch.cuda.is_available() else []


def check_backend(backend: str, jobs: int | None) -> None:
    """Raise `UserError` for an unknown backend and a number of jobs below 1."""
    if backend not in BACKENDS:
        raise UserError(f"no backend is called {backend!r}: {did_you_mean(backend, BACKENDS)}")
    if jobs is not None and jobs < 1:
        raise UserError(f"`jobs` must be at least 1, not {jobs}")


def cluster_capacity(backend: str) -> int:
    """The number of runs that a registered cluster backend can train at a time."""
    import joblib

    with joblib.parallel_config(backend):
        return int(joblib.effective_n_jobs(-1))


@contextlib.contextmanager
def registered_backend(backend: str) -> Iterator[None]:
    """Register a cluster's backend with joblib within the context.

    Raises:
        UserError: if the backend's package is missing.
    """
    match backend:
        case "ray":
            try:
                import ray  # type: ignore[import-not-found]
                from ray.util.joblib import register_ray  # type: ignore[import-not-found]
            except ImportError as error:
                raise UserError(_missing_package("ray", "ray", error)) from error
            register_ray()
            with contextlib.nullcontext() if ray.is_initialized() else _ray_connection(ray):
                yield
        case "dask":
            try:
                from dask.distributed import Client  # type: ignore[import-not-found]
            except ImportError as error:
                raise UserError(_missing_package("dask", "distributed", error)) from error
            with Client():  # the cluster in Dask's own configuration, else one on this machine
                yield
        case _:
            yield


@contextlib.contextmanager
def _ray_connection(ray: Any) -> Iterator[None]:
    """Connect to the cluster in $RAY_ADDRESS, else to one on this machine."""
    ray.init(log_to_driver=False)
    try:
        yield
    finally:
        ray.shutdown()


def _missing_package(backend: str, package: str, error: ImportError) -> str:
    """The message for a missing package, or for a package that misses one of its own requirements."""
    missing_itself = error.name is None or error.name.partition(".")[0] in (backend, package)
    requirement = "" if missing_itself else f", which lacks {error.name}"
    return f"`backend={backend!r}` needs the package {package}{requirement}: pip install {package}"
