"""Training the runs of a comparison: each in a process of its own, spread by joblib, never two on a clock's device."""

from __future__ import annotations

import contextlib
import getpass
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

from twoplayer.compare.grid import Case, Plan
from twoplayer.config import STOPS, Config
from twoplayer.errors import Interrupted, UserError, did_you_mean
from twoplayer.experiment import settle
from twoplayer.files import read_json_lines
from twoplayer.folder import RunFolder

__all__ = ["BACKENDS", "Outcome", "train_all"]

BACKENDS = ("threading", "loky", "ray", "dask")
"""Of joblib; the last two send runs to a cluster, whose machines must see the same folders."""
POLL = 0.2
TELL = 15.0
"""Seconds between lines on a run that goes on."""
DONE = ("finished", "diverged", "stopped")
INTERRUPTED = 130
SAID = "twoplayer: "
"""How the command line's complaints begin."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Outcome:
    """How the training of a case ended."""

    case: Case
    folder: Path
    code: int
    """Of the process that trained it: 0 done, 2 a mistake, 3 it stopped itself, 130 interrupted."""
    log: Path
    trained: bool
    """False where it was done before."""

    @property
    def problem(self) -> str | None:
        """What the process said, where it left no run that can be compared."""
        if self.code in (0, 3):
            return None
        lines = _lines(self.log)
        said = [line.removeprefix(SAID) for line in lines if line.startswith(SAID) and not line[11:].startswith("note")]
        return "; ".join(said) or next(iter(reversed(lines)), f"its process ended with {self.code}")

    @property
    def too_short(self) -> str | None:
        """Why the budget was over before anything could be measured on the way; None where something was."""
        run = RunFolder(self.folder)
        if self.code != 0 or not self.trained or run.config().evaluate_every == 0:
            return None
        step, measured = run.status().get("step", 0), read_json_lines(run.metrics)
        if not any(line.get("figures") for line in measured) or any(
            0 < line.get("step", 0) < step for line in measured
        ):
            return None
        return (
            f"the budget is too small for one evaluation on the way: {self.case.label} had ended after {step:,} rounds "
            f"({self.folder}): give a larger one"
        )


def train_all(plan: Plan, folder: Path, *, jobs: int, backend: str, say: Say) -> list[Outcome]:
    """Train every case that is not done yet into ``folder/runs``.

    The same call goes on after an interruption. Under a time budget runs take turns on their device, whatever `jobs`
    is; under another budget `jobs` of them share the processor's cores.

    Raises `UserError` for a backend that is not there and a budget too small for one evaluation, `Interrupted` when
    asked to stop, after the runs that were going on are saved.
    """
    import joblib

    from twoplayer.training.interrupt import Interrupt

    _check_backend(backend, jobs)
    timed = plan.unit == "budget"
    threads = max(1, (os.cpu_count() or 1) // jobs) if jobs > 1 and not timed else None
    if jobs > 1:
        say(_sharing(plan, jobs, threads))
    near = backend == "threading" or jobs == 1
    faults: list[str] = []
    with Interrupt() as interrupt, _registered(backend):

        def ended() -> bool:
            return interrupt.asked or bool(faults)

        here = _Here(say, ended, faults.append) if near else None
        work = _Work(plan.data, folder, timed, threads, len(plan.cases), here)
        tasks = (joblib.delayed(work)(number, case) for number, case in enumerate(plan.cases, start=1))
        parallel = joblib.Parallel(jobs, backend=None if jobs == 1 else backend, pre_dispatch=jobs, batch_size=1)
        outcomes: list[Outcome] = list(parallel(takewhile(lambda _: not ended(), tasks)))
    faults += [] if near else [fault for o in outcomes if (fault := o.too_short)]
    if faults:
        raise UserError(faults[0])
    if interrupt.asked or any(o.code == INTERRUPTED for o in outcomes):
        done = sum(o.code in (0, 3) for o in outcomes)
        raise Interrupted(f"interrupted after {done} of {len(plan.cases)} runs; the same command goes on from here")
    return outcomes


@dataclass(frozen=True)
class _Here:
    """What tasks can reach where they are threads of this process."""

    say: Say
    ended: Callable[[], bool]
    fault: Say


@dataclass(frozen=True)
class _Work:
    """One task: train a case if need be. Goes to other processes and machines as it is, but for `here`."""

    data: str
    folder: Path
    timed: bool
    threads: int | None
    total: int
    here: _Here | None

    def __call__(self, number: int, case: Case) -> Outcome:
        folder, log = self.folder / "runs" / case.name, self.folder / "logs" / f"{case.name}.log"
        head = f"{number}/{self.total} {case.label}, {case.replicate}"
        if _is_done(folder, case, self.data):
            self._tell(f"{head}: done before")
            return Outcome(case, folder, 0, log, False)
        turn = _turn(str(case.settings.get("device", "auto")), self._ended) if self.timed else contextlib.nullcontext()
        with turn as card:
            if self._ended():
                return Outcome(case, folder, INTERRUPTED, log, False)
            self._tell(f"{head} ...")
            outcome = Outcome(case, folder, self._train(case, folder, log, card), log, True)
        self._tell(f"{head}: {_how(outcome)}")
        if self.here is not None and outcome.too_short:
            self.here.fault(outcome.too_short)
        return outcome

    def _train(self, case: Case, folder: Path, log: Path, card: int | None) -> int:
        command = [sys.executable, "-m", "twoplayer", "train", *case.flags(self.data), "--run", str(folder)]
        environment = dict(os.environ)
        if self.threads is not None:
            environment["OMP_NUM_THREADS"] = str(self.threads)
        if card is not None:
            environment["CUDA_VISIBLE_DEVICES"] = str(card)
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as printed:
            # In a session of its own, so that Ctrl-C reaches it from here alone.
            process = subprocess.Popen(
                command, stdout=printed, stderr=subprocess.STDOUT, env=environment, start_new_session=True
            )
            try:
                return self._watched(process, log)
            except BaseException:  # asked a second time
                process.terminate()
                raise

    def _watched(self, process: subprocess.Popen[bytes], log: Path) -> int:
        """Wait for the process, tell how it goes, and hand on a wish to stop."""
        from twoplayer.training.interrupt import Interrupt

        told, sent, own = time.monotonic(), False, Interrupt()
        # The main thread listens for all of its threads; a task elsewhere must listen for itself.
        with own if self.here is None else contextlib.nullcontext():
            while process.poll() is None:
                time.sleep(POLL)
                if not sent and (own.asked or self._ended()):
                    process.terminate()
                    sent = True
                if time.monotonic() - told > TELL:
                    told = time.monotonic()
                    self._tell(f"  {next(iter(reversed(_lines(log))), 'starting')}")
        return INTERRUPTED if sent and process.returncode else process.returncode

    def _ended(self) -> bool:
        return self.here is not None and self.here.ended()

    def _tell(self, text: str) -> None:
        if self.here is not None:
            self.here.say(text)


def _is_done(folder: Path, case: Case, data: str) -> bool:
    """Whether the run folder says that this very run was trained to this very end."""
    run = RunFolder(folder)
    if not run.exists:
        return False
    try:
        wanted, there = settle(case.method, data, seed=case.seed, **case.settings), run.require().config()
        same = not there.differences(wanted) and _ends(there) == _ends(wanted)
        return same and run.status().get("state") in DONE
    except UserError:  # damaged: training says what is wrong with it
        return False


def _ends(config: Config) -> tuple[Any, ...]:
    return tuple(getattr(config, stop) for stop in (*STOPS, "stop"))


def _how(outcome: Outcome) -> str:
    if outcome.code == INTERRUPTED:
        return "interrupted"
    if outcome.problem is not None:
        return outcome.problem
    status = RunFolder(outcome.folder).status()
    done = f"{status['step']:,} rounds, {status['images_seen']:,} images in {status['seconds']:.0f} s"
    return f"{status['state']}, {done}"


def _lines(log: Path) -> list[str]:
    text = log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""
    return [line.strip() for line in text.split("\n") if line.strip()]


# ---------------------------------------------------------------------- devices and backends


@contextlib.contextmanager
def _turn(device: str, ended: Callable[[], bool]) -> Iterator[int | None]:
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


def _sharing(plan: Plan, jobs: int, threads: int | None) -> str:
    if plan.unit == "budget":
        return f"a budget in time is fair only to runs that have their device to themselves: the {jobs} jobs take turns"
    return f"{jobs} runs at a time, {threads} thread{'s' if threads != 1 else ''} each"


def _check_backend(backend: str, jobs: int) -> None:
    if backend not in BACKENDS:
        raise UserError(f"no backend is called {backend!r}: {did_you_mean(backend, BACKENDS)}")
    if jobs < 1:
        raise UserError(f"--jobs must be at least 1, not {jobs}")


@contextlib.contextmanager
def _registered(backend: str) -> Iterator[None]:
    """Make a cluster's backend known to joblib. Raises `UserError` where its package is missing."""
    if backend == "ray":
        try:
            from ray.util.joblib import register_ray  # type: ignore[import-not-found]
        except ImportError:
            raise UserError("--backend ray needs the package ray: pip install ray") from None
        register_ray()
    if backend == "dask":
        try:
            from dask.distributed import Client  # type: ignore[import-not-found]
        except ImportError:
            raise UserError("--backend dask needs the package distributed: pip install distributed") from None
        with Client():  # the cluster that Dask's own configuration names, else one on this machine
            yield
        return
    yield
