"""Training of the runs of a comparison: each in a process of its own, spread by joblib.

A process is a ``twoplayer train --json``: its standard output is one JSON document, with the errors if it fails, and
its standard error is the run's log. The state of a run is read from its folder.
"""

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

from twoplayer.comparison.devices import (
    CLUSTER_BACKENDS,
    POLL_SECONDS,
    check_backend,
    cluster_capacity,
    exclusive_device,
    registered_backend,
)
from twoplayer.comparison.load_runs import ENDED_STATES
from twoplayer.comparison.plan import ComparisonPlan, PlannedRun
from twoplayer.config.layers import resolve_config
from twoplayer.config.schema import STOP_FIELDS, Config
from twoplayer.core.errors import Interrupted, UserError
from twoplayer.core.files import read_json, read_json_lines
from twoplayer.measurement.renamed_values import stored_metric_values
from twoplayer.runs.run_dir import RunFolder

__all__ = ["TrainingOutcome", "train_all"]

PROGRESS_SECONDS = 15.0
"""Time between lines on the progress of a run."""
OK, DIVERGED, INTERRUPTED = 0, 3, 130
"""Exit codes of ``twoplayer train``."""
HALT_FILE = ".halt"
"""A file in the comparison's folder: while it exists, runs on any machine stop."""

Progress = Callable[[str], None]


@dataclass(frozen=True)
class TrainingOutcome:
    """How the training of a run ended."""

    run: PlannedRun
    folder: Path
    exit_code: int
    """Of the process: 0 done, 2 a mistake, 3 training stopped itself, 130 interrupted."""
    document: Path
    """The process's standard output, a JSON document."""
    log: Path
    """The process's standard error."""
    trained: bool
    """False if the run was trained before."""

    @property
    def problem(self) -> str | None:
        """The errors of a process that left no run to compare."""
        if self.exit_code in (OK, DIVERGED):
            return None
        with contextlib.suppress(UserError, AttributeError):
            errors = read_json(self.document).get("errors")
            if errors:
                return "; ".join(map(str, errors))
        return f"its process ended with exit code {self.exit_code}: see {self.log}"

    @property
    def too_short(self) -> str | None:
        """A sentence if the budget ended before a metric was measured during training; else None."""
        folder = RunFolder(self.folder)
        if self.exit_code != OK or not self.trained or folder.config().evaluate_every == 0:
            return None
        step, lines = folder.status().get("step", 0), read_json_lines(folder.metrics)
        measured = any(stored_metric_values(line) for line in lines)
        if not measured or any(0 < line.get("step", 0) < step for line in lines):
            return None
        return (
            f"the budget is too small for one evaluation during training: {self.run.label} ended after {step:,} steps "
            f"({self.folder}): give a larger one"
        )

    @property
    def summary(self) -> str:
        """The outcome in words."""
        if self.exit_code == INTERRUPTED:
            return "interrupted"
        if self.problem is not None:
            return self.problem
        status = RunFolder(self.folder).status()
        return (
            f"{status['state']}, {status['step']:,} steps, {status['images_seen']:,} images in "
            f"{status['seconds']:.0f} s"
        )


def train_all(
    plan: ComparisonPlan, folder: Path, *, jobs: int | None, backend: str, progress: Progress
) -> list[TrainingOutcome]:
    """Train the runs that are not trained yet into ``folder/runs``.

    The same call continues after an interruption. Under a time budget runs use their device one after the other,
    whatever `jobs` is; under another budget `jobs` of them share the processor's cores.

    Args:
        plan: the runs.
        folder: the comparison's folder.
        jobs: runs at a time; by default one, on a cluster its capacity.
        backend: of joblib.
        progress: is called with lines of text.

    Returns:
        The outcomes in the order of the plan.

    Raises:
        UserError: for a backend that does not exist and a budget too small for one evaluation during training.
        Interrupted: when asked to stop, after the runs in training are saved.
    """
    from twoplayer.training.interrupt import Interrupt

    check_backend(backend, jobs)
    problems: list[str] = []
    with Interrupt() as interrupt, registered_backend(backend):

        def stopped() -> bool:
            return interrupt.asked or bool(problems)

        progress(f"{len(plan.runs)} runs in {folder / 'runs'}")
        cores = cluster_capacity(backend) if backend in CLUSTER_BACKENDS else os.cpu_count() or 1
        workers = jobs or (cores if backend in CLUSTER_BACKENDS else 1)
        timed = plan.unit == "max_time"
        threads = max(1, cores // workers) if workers > 1 and not timed else None
        if workers > 1 and timed:
            progress(f"a time budget is fair only to runs that use their device alone: the {workers} jobs take turns")
        elif workers > 1:
            progress(f"{workers} runs at a time, {threads} thread{'s' if threads != 1 else ''} each")
        in_process = workers == 1 or backend == "threading"
        state = _ProcessState(progress, stopped, problems.append) if in_process else None
        task = _TrainingTask(plan.data, folder, Path.cwd(), timed, threads, state)
        relay = contextlib.nullcontext() if in_process else _relay_to_workers(plan, folder, stopped, progress)
        with relay:
            outcomes = _train_in_workers(task, plan, workers, backend, stopped, progress)
    problems += [] if in_process else [problem for o in outcomes if (problem := o.too_short)]
    if problems:
        raise UserError(problems[0])
    if interrupt.asked or any(o.exit_code == INTERRUPTED for o in outcomes):
        done = sum(o.exit_code in (OK, DIVERGED) for o in outcomes)
        raise Interrupted(f"interrupted after {done} of {len(plan.runs)} runs; the same command goes on from here")
    return outcomes


def _train_in_workers(
    task: _TrainingTask,
    plan: ComparisonPlan,
    workers: int,
    backend: str,
    stopped: Callable[[], bool],
    progress: Progress,
) -> list[TrainingOutcome]:
    """The outcomes of all runs in order; if `stopped`, of those that were started."""
    import joblib

    def tasks() -> Iterator[Any]:
        for number, run in enumerate(plan.runs, start=1):
            title = f"{number}/{len(plan.runs)} {run.label}, {run.replicate}"
            done = _is_done(task.folder / "runs" / run.name, run, plan.data)
            if done:
                progress(f"{title}: trained before")
            yield joblib.delayed(task)(title, run, done)

    # Without a backend for a single worker. Passed to Parallel itself, Dask's backend fails in joblib 1.6.
    with joblib.parallel_config(backend) if workers > 1 else contextlib.nullcontext():
        parallel = joblib.Parallel(workers, pre_dispatch=workers, batch_size=1)
        return list(parallel(takewhile(lambda _: not stopped(), tasks())))


@dataclass(frozen=True)
class _ProcessState:
    """Callbacks for tasks that are threads of this process."""

    progress: Progress
    stopped: Callable[[], bool]
    fail: Callable[[str], None]


@dataclass(frozen=True)
class _TrainingTask:
    """Trains one run if need be; is sent to other processes and machines, there without `state`."""

    data: str
    folder: Path
    working_folder: Path
    """The folder to which paths are relative."""
    timed: bool
    threads: int | None
    state: _ProcessState | None

    def __call__(self, title: str, run: PlannedRun, done: bool) -> TrainingOutcome:
        folder, logs = self.folder / "runs" / run.name, self.folder / "logs"
        document, log = logs / f"{run.name}.json", logs / f"{run.name}.log"
        if done:
            return TrainingOutcome(run, folder, OK, document, log, False)
        if not (self.working_folder / self.folder).is_dir() and self.state is None:
            raise UserError(
                f"{socket.gethostname()} has no folder {self.working_folder / self.folder}: give a folder "
                "(`output`) that all machines of the cluster share"
            )
        device = str(run.settings.get("device", "auto"))
        with exclusive_device(device, self._stopped) if self.timed else contextlib.nullcontext() as number:
            if self._stopped():
                return TrainingOutcome(run, folder, INTERRUPTED, document, log, False)
            self._progress(f"{title} ...")
            exit_code = self._train(run, folder, document, log, number)
            outcome = TrainingOutcome(run, folder, exit_code, document, log, True)
        if self.state is not None:
            self._progress(f"{title}: {outcome.summary}")
            if outcome.too_short:
                self.state.fail(outcome.too_short)
        return outcome

    def _train(self, run: PlannedRun, folder: Path, document: Path, log: Path, device_number: int | None) -> int:
        """Train in a process, report the progress, pass on a request to stop, and return the exit code."""
        from twoplayer.training.interrupt import Interrupt

        arguments = ["train", *run.arguments(self.data), "--run", str(folder), "--json"]
        environment = dict(os.environ)
        if self.threads is not None:
            environment["OMP_NUM_THREADS"] = str(self.threads)
        if device_number is not None:
            environment["CUDA_VISIBLE_DEVICES"] = str(device_number)
        document, log = self.working_folder / document, self.working_folder / log
        log.parent.mkdir(parents=True, exist_ok=True)
        # This thread's own signal handler where the task runs in another process, whose main thread it is.
        interrupt, terminated = Interrupt(), False
        handler = interrupt if self.state is None else contextlib.nullcontext()
        with document.open("wb") as output, log.open("wb") as errors, handler:
            # In a session of its own, so that Ctrl-C reaches it only through this process.
            process = subprocess.Popen(
                [sys.executable, "-m", "twoplayer", *arguments], stdout=output, stderr=errors, env=environment,
                cwd=self.working_folder, start_new_session=True,
            )  # fmt: skip
            reported = time.monotonic()
            try:
                while process.poll() is None:
                    time.sleep(POLL_SECONDS)
                    if not terminated and (interrupt.asked or self._stopped()):
                        process.terminate()
                        terminated = True
                    if time.monotonic() - reported > PROGRESS_SECONDS:
                        reported = time.monotonic()
                        self._progress(f"  {_training_progress(RunFolder(self.working_folder / folder))}")
            except BaseException:  # a second request to stop
                process.terminate()
                raise
        return INTERRUPTED if terminated and process.returncode else process.returncode

    def _stopped(self) -> bool:
        if self.state is not None:
            return self.state.stopped()
        return (self.working_folder / self.folder / HALT_FILE).exists()

    def _progress(self, text: str) -> None:
        if self.state is not None:
            self.state.progress(text)


def _is_done(folder: Path, run: PlannedRun, data: str) -> bool:
    """Whether the folder has a run with these settings that was trained to its end."""
    run_folder = RunFolder(folder)
    if not run_folder.exists:
        return False
    try:
        planned, trained = (
            resolve_config(run.method, data, seed=run.seed, **run.settings),
            run_folder.require().config(),
        )
        same = not trained.differences(planned) and _end_settings(trained) == _end_settings(planned)
        return same and run_folder.status().get("state") in ENDED_STATES
    except UserError:  # a damaged folder: training reports it
        return False


def _end_settings(config: Config) -> tuple[Any, ...]:
    """The settings that decide when a run ends."""
    return tuple(getattr(config, name) for name in (*STOP_FIELDS, "early_stopping"))


def _training_progress(folder: RunFolder) -> str:
    """How far a run in training is."""
    try:
        line = read_json_lines(folder.progress)[-1]
        return f"step {line['step']:,}, {line['images_seen']:,} images, {line['seconds']:.0f} s"
    except (IndexError, KeyError, TypeError, UserError):  # nothing is logged yet
        return "starting"


@contextlib.contextmanager
def _relay_to_workers(
    plan: ComparisonPlan, folder: Path, stopped: Callable[[], bool], progress: Progress
) -> Iterator[None]:
    """While workers in other processes train: pass on a request to stop, and report how many runs have ended."""
    halt, done = folder / HALT_FILE, threading.Event()
    folders = [RunFolder(folder / "runs" / run.name) for run in plan.runs]

    def poll() -> None:
        reported_count, reported = -1, time.monotonic()
        while not done.wait(POLL_SECONDS):
            if stopped():
                halt.touch()
            if time.monotonic() - reported > PROGRESS_SECONDS:
                count = sum(map(_has_ended, folders))
                if count != reported_count:
                    reported_count, reported = count, time.monotonic()
                    progress(f"{count} of {len(folders)} runs have ended")

    folder.mkdir(parents=True, exist_ok=True)
    halt.unlink(missing_ok=True)
    thread = threading.Thread(target=poll, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        halt.unlink(missing_ok=True)


def _has_ended(run: RunFolder) -> bool:
    try:
        return run.status().get("state") in ENDED_STATES
    except UserError:  # it was not started yet
        return False
