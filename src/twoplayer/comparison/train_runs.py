"""Training the runs of a comparison: each in a process of its own, spread by joblib, never two on a clock's device."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

from twoplayer.comparison.devices import CLUSTERS, POLL, check_backend, registered, room, turn
from twoplayer.comparison.plan import ComparisonPlan, PlannedRun
from twoplayer.config.layers import resolve_config
from twoplayer.config.schema import STOP_FIELDS, Config
from twoplayer.core.errors import Interrupted, UserError
from twoplayer.core.files import read_json_lines
from twoplayer.runs.run_dir import RunFolder

__all__ = ["TrainingOutcome", "train_all"]

TELL = 15.0
"""Seconds between lines on a run that goes on."""
DONE = ("finished", "diverged", "stopped")
INTERRUPTED = 130
HALT = ".halt"
"""A file in the comparison's folder: while it is there, runs on whatever machine are to stop."""
SAID = "twoplayer: "
"""How the command line's complaints begin."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class TrainingOutcome:
    """How the training of a case ended."""

    case: PlannedRun
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


def train_all(plan: ComparisonPlan, folder: Path, *, jobs: int | None, backend: str, say: Say) -> list[TrainingOutcome]:
    """Train every case that is not done yet into ``folder/runs``.

    The same call goes on after an interruption. Under a time budget runs take turns on their device, whatever `jobs`
    is; under another budget `jobs` of them share the processor's cores. Without `jobs` there is one at a time, on a
    cluster as many as it has room for.

    Raises `UserError` for a backend that is not there and a budget too small for one evaluation, `Interrupted` when
    asked to stop, after the runs that were going on are saved.
    """
    from twoplayer.training.interrupt import Interrupt

    check_backend(backend, jobs)
    faults: list[str] = []
    with Interrupt() as interrupt, registered(backend):

        def ended() -> bool:
            return interrupt.asked or bool(faults)

        say(f"{len(plan.cases)} runs in {folder / 'runs'}")
        cores = room(backend) if backend in CLUSTERS else os.cpu_count() or 1
        places = jobs or (cores if backend in CLUSTERS else 1)
        timed = plan.unit == "max_time"
        threads = max(1, cores // places) if places > 1 and not timed else None
        if places > 1:
            say(_sharing(plan, places, threads))
        near = places == 1 or backend == "threading"
        here = _ProcessState(say, ended, faults.append) if near else None
        work = _TrainingTask(plan.data, folder, Path.cwd(), timed, threads, here)
        with contextlib.nullcontext() if near else _relayed(plan, folder, ended, say):
            outcomes = _spread(work, plan, places, backend, ended, say)
    faults += [] if near else [fault for o in outcomes if (fault := o.too_short)]
    if faults:
        raise UserError(faults[0])
    if interrupt.asked or any(o.code == INTERRUPTED for o in outcomes):
        done = sum(o.code in (0, 3) for o in outcomes)
        raise Interrupted(f"interrupted after {done} of {len(plan.cases)} runs; the same command goes on from here")
    return outcomes


def _spread(
    work: _TrainingTask, plan: ComparisonPlan, places: int, backend: str, ended: Callable[[], bool], say: Say
) -> list[TrainingOutcome]:
    """The outcomes of all cases, in order; where it has `ended` before, of those that were begun."""
    import joblib

    def tasks() -> Iterator[Any]:
        for number, case in enumerate(plan.cases, start=1):
            head = f"{number}/{len(plan.cases)} {case.label}, {case.replicate}"
            done = _is_done(work.folder / "runs" / case.name, case, plan.data)
            if done:
                say(f"{head}: done before")
            yield joblib.delayed(work)(head, case, done)

    # One place means no worker at all. Named to Parallel itself, Dask's backend fails in joblib 1.6.
    with joblib.parallel_config(backend) if places > 1 else contextlib.nullcontext():
        parallel = joblib.Parallel(places, pre_dispatch=places, batch_size=1)
        return list(parallel(takewhile(lambda _: not ended(), tasks())))


@dataclass(frozen=True)
class _ProcessState:
    """What tasks can reach where they are threads of this process."""

    say: Say
    ended: Callable[[], bool]
    fault: Say


@dataclass(frozen=True)
class _TrainingTask:
    """One task: train a case if need be. Goes to other processes and machines as it is, but for `here`."""

    data: str
    folder: Path
    home: Path
    """The folder that paths are relative to."""
    timed: bool
    threads: int | None
    here: _ProcessState | None

    def __call__(self, head: str, case: PlannedRun, done: bool) -> TrainingOutcome:
        folder, log = self.folder / "runs" / case.name, self.folder / "logs" / f"{case.name}.log"
        if done:
            return TrainingOutcome(case, folder, 0, log, False)
        if not (self.home / self.folder).is_dir() and self.here is None:
            raise UserError(
                f"{socket.gethostname()} does not see {self.home / self.folder}: give an --output that all machines of "
                "the cluster share"
            )
        mine = turn(str(case.settings.get("device", "auto")), self._ended) if self.timed else contextlib.nullcontext()
        with mine as card:
            if self._ended():
                return TrainingOutcome(case, folder, INTERRUPTED, log, False)
            self._tell(f"{head} ...")
            outcome = TrainingOutcome(case, folder, self._train(case, folder, log, card), log, True)
        if self.here is not None:
            self._tell(f"{head}: {_how(outcome)}")
            if outcome.too_short:
                self.here.fault(outcome.too_short)
        return outcome

    def _train(self, case: PlannedRun, folder: Path, log: Path, card: int | None) -> int:
        command = [sys.executable, "-m", "twoplayer", "train", *case.flags(self.data), "--run", str(folder)]
        environment = dict(os.environ)
        if self.threads is not None:
            environment["OMP_NUM_THREADS"] = str(self.threads)
        if card is not None:
            environment["CUDA_VISIBLE_DEVICES"] = str(card)
        log = self.home / log
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as printed:
            # In a session of its own, so that Ctrl-C reaches it from here alone.
            process = subprocess.Popen(
                command, stdout=printed, stderr=subprocess.STDOUT, env=environment, cwd=self.home,
                start_new_session=True,
            )  # fmt: skip
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
        return self.here.ended() if self.here is not None else (self.home / self.folder / HALT).exists()

    def _tell(self, text: str) -> None:
        if self.here is not None:
            self.here.say(text)


def _is_done(folder: Path, case: PlannedRun, data: str) -> bool:
    """Whether the run folder says that this very run was trained to this very end."""
    run = RunFolder(folder)
    if not run.exists:
        return False
    try:
        wanted, there = resolve_config(case.method, data, seed=case.seed, **case.settings), run.require().config()
        same = not there.differences(wanted) and _ends(there) == _ends(wanted)
        return same and run.status().get("state") in DONE
    except UserError:  # damaged: training says what is wrong with it
        return False


def _ends(config: Config) -> tuple[Any, ...]:
    return tuple(getattr(config, stop) for stop in (*STOP_FIELDS, "early_stopping"))


def _how(outcome: TrainingOutcome) -> str:
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


def _sharing(plan: ComparisonPlan, jobs: int, threads: int | None) -> str:
    if plan.unit == "max_time":
        return f"a budget in time is fair only to runs that have their device to themselves: the {jobs} jobs take turns"
    return f"{jobs} runs at a time, {threads} thread{'s' if threads != 1 else ''} each"


@contextlib.contextmanager
def _relayed(plan: ComparisonPlan, folder: Path, asked: Callable[[], bool], say: Say) -> Iterator[None]:
    """While runs go on elsewhere: hand on a wish to stop to where they are, and tell how many are over."""
    halt, over = folder / HALT, threading.Event()
    runs = [RunFolder(folder / "runs" / case.name) for case in plan.cases]

    def watch() -> None:
        told, at = -1, time.monotonic()
        while not over.wait(POLL):
            if asked():
                halt.touch()
            if time.monotonic() - at > TELL and (ended := sum(map(_has_ended, runs))) != told:
                told, at = ended, time.monotonic()
                say(f"{ended} of {len(runs)} runs are over")

    folder.mkdir(parents=True, exist_ok=True)
    halt.unlink(missing_ok=True)
    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        halt.unlink(missing_ok=True)


def _has_ended(run: RunFolder) -> bool:
    try:
        return run.status().get("state") in DONE
    except UserError:  # it has not begun
        return False
