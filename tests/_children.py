"""The command line in child processes that start in a moment and may be killed at any file operation."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random
from typing import Any

SPAWNER = multiprocessing.get_context("forkserver")
# What a training needs, imported once in the server from which children fork.
SPAWNER.set_forkserver_preload(["_children_preload"])

OPERATIONS = frozenset({"open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate", "shutil.rmtree"})
"""Audit events of what changes or opens files; the run's own are told by their relative path."""


def twoplayer(arguments: list[str], folder: Path, *, die_at: int | None = None, signal_at: Any = None) -> int:
    """Run a command in `folder`; its exit code, or minus the signal that ended it.

    With `die_at` it kills itself just before that file operation; `signal_at` is (signal, round) and sends the
    signal in the middle of that round. What it printed is in ``FOLDER/printed``.
    """
    child = SPAWNER.Process(target=_run, args=(arguments, folder, die_at, signal_at))
    child.start()
    child.join(120)
    if child.is_alive():
        child.kill()
        raise TimeoutError(f"twoplayer {' '.join(arguments)} hangs")
    assert child.exitcode is not None
    return child.exitcode


def operations(folder: Path) -> int:
    """How many file operations the last command made that came to its end."""
    return int((folder / "operations").read_text())


def two_processes(folder: Path, timeout: float) -> None:
    """Train every case of ``FOLDER/cases.json`` in two processes, from one launch (`_two_processes.py`)."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    launch = ["-m", "torch.distributed.run", "--nproc_per_node", "2", "--master_addr", "127.0.0.1"]
    script = Path(__file__).with_name("_two_processes.py")
    done = subprocess.run(
        [sys.executable, *launch, "--master_port", str(port), str(script), str(folder)],
        capture_output=True, text=True, timeout=timeout, check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]


def killed_and_resumed(arguments: list[str], folder: Path, moments: Iterable[int]) -> list[int]:
    """Kill a command at each of these file operations, then let it come to its end; how the killed ones ended."""
    codes = [twoplayer(arguments, folder, die_at=moment) for moment in moments]
    assert set(codes) <= {0, -signal.SIGKILL}, (folder / "printed").read_text()
    assert twoplayer(arguments, folder) == 0, (folder / "printed").read_text()
    return codes


def alone_and_killed(
    arguments: list[str], folder: Path, moments: Callable[[int], Iterable[int]]
) -> tuple[Path, Path, list[int]]:
    """Two folders in which a command came to its end, left alone and killed on the way, and how the killed ones ended.

    `moments` gets the number of file operations that the command makes when it is left alone.
    """
    alone, killed = folder / "alone", folder / "killed"
    for each in (alone, killed):
        each.mkdir()
    assert twoplayer(arguments, alone) == 0, (alone / "printed").read_text()
    return alone, killed, killed_and_resumed(arguments, killed, moments(operations(alone)))


def random_moments(seed: str | int, count: int) -> Callable[[int], Iterable[int]]:
    """So many random ones of all file operations."""
    random = Random(seed)
    return lambda total: [random.randint(1, total) for _ in range(count)]


def _run(arguments: list[str], folder: Path, die_at: int | None, signal_at: Any) -> None:
    from _toys import unmeasured
    from twoplayer.cli.main import run

    os.chdir(folder)
    printed = os.open("printed", os.O_CREAT | os.O_TRUNC | os.O_WRONLY)
    os.dup2(printed, 1)
    os.dup2(printed, 2)
    unmeasured(setattr)
    if signal_at is not None:
        _signal_in_round(*signal_at)
    count = _count_operations(die_at)
    code = run(arguments)
    total = count()
    sys.stdout.flush()
    Path("operations").write_text(str(total))
    os._exit(code)


def _count_operations(die_at: int | None) -> Any:
    done = 0

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal done
        if event not in OPERATIONS or not _is_ours(arguments[0]):
            return
        done += 1
        if done == die_at:
            if event == "open" and str(arguments[0]).endswith(".jsonl"):
                _leave_half_a_line(arguments[0])
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)
    return lambda: done


def _is_ours(path: Any) -> bool:
    return isinstance(path, str | os.PathLike) and not Path(path).is_absolute()


def _leave_half_a_line(path: str) -> None:
    log = Path(path)
    if log.exists():
        log.write_bytes(log.read_bytes() + b'{"step": 99, "images_se')


def _signal_in_round(number: signal.Signals, at: int) -> None:
    from twoplayer.games.generation import GenerationGame

    rounds, end = 0, GenerationGame.end_round

    def end_round(self: GenerationGame) -> None:
        nonlocal rounds
        rounds += 1
        if rounds == at:
            os.kill(os.getpid(), number)
        end(self)

    GenerationGame.end_round = end_round  # type: ignore[method-assign]
