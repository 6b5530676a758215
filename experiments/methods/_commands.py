"""Commands of ``twoplayer``, each in a process of its own that starts in a moment, and may be killed."""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Done", "Fault", "call", "ended", "started"]

SPAWNER = multiprocessing.get_context("forkserver")
# What commands need, imported once in the server from which children fork.
SPAWNER.set_forkserver_preload(
    ["PIL.PngImagePlugin", "torch._dynamo", "accelerate", "scipy.stats", "sklearn.neighbors", "sklearn.linear_model",
     "twoplayer.cli.main", "twoplayer.cli.train", "twoplayer.cli._console", "twoplayer.training.trainer",
     "twoplayer.training.build", "twoplayer.algorithms.alternating", "twoplayer.reporting._page",
     "twoplayer.evaluation.evaluate", "twoplayer.evaluation.storage", "twoplayer.measurement",
     "twoplayer.inference.latent_paths", "twoplayer.diagnosis._diagnosis"]
)  # fmt: skip
PATIENCE = 600
"""Seconds after which a command hangs."""
MOST = 400
"""Characters of what a command that failed has printed, from the end."""


class Fault(Exception):
    """Why something did not work."""


@dataclass(frozen=True)
class Done:
    """A command that came to an end."""

    code: int
    """Exit code, or minus the signal that ended it."""
    said: str
    seconds: float


def call(words: Sequence[str], place: Path, kill: tuple[Callable[[], bool], float] | None = None) -> Done:
    """Run a command in `place` to its end, or kill it: so many seconds after it first is due."""
    began = time.perf_counter()
    child = started(words, place, {}, "said")
    if kill is not None:
        is_due, rest = kill
        while child.is_alive() and not is_due():
            time.sleep(0.002)
        time.sleep(rest)
        child.kill()
    code = ended(child)
    said = " ".join((place / "said").read_text(encoding="utf-8", errors="replace").split())
    return Done(code, said[-MOST:] if code else said, time.perf_counter() - began)


def started(words: Sequence[str], place: Path, environment: Mapping[str, str], said: str) -> Any:
    """The process that runs a command in `place`; what it prints goes to the file `said` there."""
    child = SPAWNER.Process(target=_run, args=(list(words), place, dict(environment), said))
    child.start()
    return child


def ended(child: Any) -> int:
    """The child's exit code, or minus the signal that ended it. Raises `Fault` for one that hangs."""
    child.join(PATIENCE)
    if child.is_alive():
        child.kill()
        raise Fault(f"hangs for {PATIENCE} seconds")
    return int(child.exitcode)


def _run(words: list[str], place: Path, environment: dict[str, str], said: str) -> None:
    os.chdir(place)
    os.environ.update(environment)
    printed = os.open(said, os.O_CREAT | os.O_TRUNC | os.O_WRONLY)
    os.dup2(printed, 1)
    os.dup2(printed, 2)
    from twoplayer.cli.main import run

    code = run(words)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
