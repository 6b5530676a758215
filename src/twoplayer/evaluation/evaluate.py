"""Evaluation: the samples of a run against the data it was trained on, or any samples against any real data."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from twoplayer import measurement
from twoplayer import metrics as metric_family
from twoplayer.config.renamed import Renames
from twoplayer.core.errors import UserError, did_you_mean
from twoplayer.evaluation import tasks as task_family
from twoplayer.evaluation.result import Evaluation
from twoplayer.evaluation.tasks._base import EvaluationTask, TaskContext
from twoplayer.measurement import (
    METRIC_ALIASES,
    Measurement,
    default_sample_count,
    parse_extractors,
    parse_metrics,
)
from twoplayer.measurement.plan import ExtractorNames, MetricNames, split_names

if TYPE_CHECKING:
    from twoplayer.data._base import Dataset
    from twoplayer.inference.trained_run import TrainedRun
    from twoplayer.metrics import MetricValue

__all__ = ["evaluate", "evaluate_run"]

Progress = Callable[[str], None]
Result = TypeVar("Result")


def evaluate(
    samples: Any,
    reference: Any,
    *,
    extractor: ExtractorNames = None,
    metrics: MetricNames = None,
    held_out: Any = None,
    resolution: int | None = None,
    n: int | None = None,
    seed: int = 0,
    device: str = "auto",
    cache: Path | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Measure samples against real data.

    Args:
        samples: a folder or zip of images, a .npy, .npz or .csv file, IDX files, the name of a data set, an array
            (images ``(N, H, W[, C])`` or points ``(N, D)``), `Samples`, a run or its folder, or an iterable of arrays:
            images uint8 ``(B, H, W, C)`` or points ``(B, D)``, which are not stored.
        reference: real data in any of these forms but the last two, or a `Dataset`.
        extractor: a name of ``twoplayer list extractors``, an extractor, or several; by default a classifier of the
            reference's own labels, random-conv where it has none, and coordinates for points.
        metrics: names of ``twoplayer list metrics``, or aliases such as fid and prdc; by default all that apply.
        held_out: further real data, measured beside the samples; or the share of the reference that is held out, where
            it has no test part of its own. By default the reference's own test part, or else a tenth of it.
        resolution: side in pixels to which all images are brought; by default they keep their own, which must be one.
        n: number of random samples to take, or to draw from a run (10,000 images or 2,500 points by default).
        seed: seed of the selection and of the samples of a run.
        device: auto, cpu, cuda, cuda:1 or mps.
        cache: folder of features of real data; by default $TWOPLAYER_CACHE, else ~/.cache/twoplayer.
        progress: callback of progress lines.

    Returns:
        The metric values, with those of held-out real data.

    Raises:
        UserError: with every mistake at once.

    >>> import numpy as np
    >>> evaluate(np.zeros((500, 2)), "ring", metrics="modes-covered", device="cpu")["modes_covered"]
    0.0
    """
    from twoplayer.core.device import place
    from twoplayer.evaluation.reference_data import in_format_of, open_reference
    from twoplayer.inference.open_samples import open_samples

    request = _Request(metrics, extractor)
    if request.tasks:
        request.mistakes.append(f"{request.tasks[0]} is measured of a run in its folder, not of samples: leave it out")
    real = request.collect(lambda: open_reference(reference, held_out, resolution))
    source = request.collect(lambda: open_samples(samples, resolution=resolution, n=n, seed=seed, device=device))
    request.check()
    assert real is not None and source is not None
    if n is not None and n != source.count and n < 2:
        raise UserError(f"cannot measure {n} samples: ask for at least 2")
    part = source.random_part(n, seed)
    if part is not source:
        source.notes.append(f"{n:,} of the {source.count:,} samples of {source.name}, taken at random.")
    measured = measurement.measure(
        in_format_of(real.data, part),
        real.data,
        extractor=request.extractors,
        metrics=request.metrics,
        cache=cache,
        device=place(device, "fp32", "contiguous", real.data.kind).device,
        progress=progress,
    )
    notes = (*real.notes, *part.notes, *measured.notes)
    return Evaluation(None, None, None, measured.count, source.name, real.data.name, measured.metric_values, notes)


def evaluate_run(
    run: TrainedRun,
    *,
    n: int | None = None,
    seed: int | None = None,
    refine: int | None = None,
    extractor: ExtractorNames = None,
    metrics: MetricNames = None,
    keep: bool = False,
    data: Any = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Draw samples from a run and measure them against the data it was trained on.

    Unless metrics are named, paths through the latent space (`twoplayer.inference.latent_paths`) and the evaluation
    tasks of the run's game (`twoplayer.evaluation.tasks`) are measured too, except those that take minutes.

    Args:
        run: the run.
        n: number of samples; by default that of the published protocols, 10,000 images or 2,500 points.
        seed: seed of the samples; None takes the run's own, which gives the samples that training measured.
        refine: number of functional gradient steps to apply, for generators that have them; None applies all.
        extractor: as for `evaluate`.
        metrics: as for `evaluate`; evaluation tasks may be named among them.
        keep: write values and pictures into the run's folder, for its report (`twoplayer.evaluation.storage`).
        data: the data of the run, where they were an object in memory; None opens what the run's config names.
        progress: callback of progress lines.

    Returns:
        The metric values, with those of held-out real data.

    Raises:
        UserError: with every mistake at once, and where the data of the run are gone or have changed.
    """
    from twoplayer.runs.dataset import reopen
    from twoplayer.sampling.generate import check_refine, refined
    from twoplayer.training.build import target

    request = _Request(metrics, extractor)
    dataset = request.collect(lambda: reopen(run.folder, data))
    tasks = None if dataset is None else request.collect(lambda: _applicable_tasks(request.tasks, run, dataset))
    request.check()
    assert dataset is not None and tasks is not None
    real = target(run.config, dataset)
    default = default_sample_count(real.kind)
    count = min(run.config.evaluate_count or default, default) if n is None else n
    if count < 2:
        raise UserError(f"cannot measure {count} samples: ask for at least 2")
    seed = run.config.seed if seed is None else seed
    step, images_seen = run.step, run.images_seen  # raises for a run without a checkpoint before anything is measured
    check_refine(run.generator, refine)
    if request.metrics == []:  # only tasks are named
        measured = Measurement((), (), len(run.inputs.draw(count, seed, "evaluation")))
    else:
        measured = measurement.measure(
            run.stream(count, seed, "evaluation", refine),
            real,
            extractor=request.extractors,
            metrics=request.metrics,
            device=run.placement.device,
            progress=progress,
        )
    values, notes = measured.metric_values, (*measured.notes, *tasks.notes)
    if metrics is None:
        path_values, path_notes = _measure_paths(run, measured, seed, refine, progress)
        values, notes = values + path_values, notes + path_notes
    with refined(run.generator, refine):  # tasks draw samples by themselves
        for name, task in tasks.tasks.items():
            if progress:
                progress(f"measuring {name}")
            result = task.measure(TaskContext(run, dataset, count, seed, progress=progress))
            values, notes = values + result.metric_values, notes + result.notes
    name = str(run.path)
    evaluation = Evaluation(name, step, images_seen, measured.count, name, real.name, values, notes)
    if keep:
        from twoplayer.evaluation import storage

        storage.keep(run, evaluation, real, measured, storage.DrawnSamples(count, seed, refine))
    return evaluation


def _measure_paths(
    run: TrainedRun, measured: Measurement, seed: int, refine: int | None, progress: Progress | None
) -> tuple[tuple[MetricValue, ...], tuple[str, ...]]:
    from twoplayer.inference.latent_paths import path_values

    if progress:
        progress("measuring paths through the latent space")
    results = [path_values(run, extractor, seed=seed, refine=refine) for extractor in measured.extractors]
    values = tuple(value for result in results for value in result.metric_values)
    return values, tuple(dict.fromkeys(note for result in results for note in result.notes))


# ---- what is asked for


class _Request:
    """The named extractors, metrics and tasks, with all mistakes in them, so that they are reported together."""

    def __init__(self, metric_names: MetricNames, extractor_names: ExtractorNames) -> None:
        self.mistakes: list[str] = []
        self.tasks: list[str] | None = None
        """Named tasks; None for all tasks of the run's game that are fast."""
        remaining = self._take_tasks(metric_names)
        self.metrics = self.collect(lambda: parse_metrics(remaining)) if remaining != [] else []
        """Named metrics; None for all that apply, empty where only tasks are named."""
        self.extractors = self.collect(lambda: parse_extractors(extractor_names))

    def collect(self, call: Callable[[], Result]) -> Result | None:
        """The result of `call`, or None and one more mistake."""
        try:
            return call()
        except UserError as error:
            self.mistakes.append(str(error))
            return None

    def check(self) -> None:
        """Raise `UserError` with all mistakes."""
        if self.mistakes:
            raise UserError("\n".join(self.mistakes))

    def _take_tasks(self, names: MetricNames) -> Any:
        """The names without those of tasks, which are put into `tasks`; misspelt tasks become mistakes."""
        if names is None:
            return None
        remaining, tasks, mistakes, renames = list[Any](), list[str](), len(self.mistakes), Renames()
        for name in split_names(names):
            text, colon, option = name.partition(":") if isinstance(name, str) else ("", "", "")
            task = text.lower().replace("_", "-")
            task = renames.member("evaluation-tasks", task)
            if task in task_family.names():
                if colon:
                    self.mistakes.append(
                        f"{task} has no option {option!r} (an option is written NAME=VALUE): write its name alone"
                    )
                else:
                    tasks.append(task)
            elif task and _is_misspelt_task(task):
                self.mistakes.append(f"no metric is called {task!r}: {did_you_mean(task, task_family.names())}")
            else:
                remaining.append(name)
        renames.warn(stacklevel=4, mark="")
        self.tasks = list(dict.fromkeys(tasks))
        nothing_named = not (remaining or tasks or len(self.mistakes) > mistakes)
        return [names] if nothing_named else remaining  # which then are reported as no name


def _is_misspelt_task(name: str) -> bool:
    """Whether a name is unknown and nearer to a task than to any metric."""
    known = [*metric_family.names(), *METRIC_ALIASES]
    nearest = difflib.get_close_matches(name, [*known, *task_family.names()], n=1)
    return name not in known and bool(nearest) and nearest[0] in task_family.names()


@dataclass(frozen=True)
class _ApplicableTasks:
    """The evaluation tasks of a run by their names, and notes why others are left out."""

    tasks: dict[str, EvaluationTask]
    notes: tuple[str, ...] = ()


def _applicable_tasks(names: Sequence[str] | None, run: TrainedRun, dataset: Dataset) -> _ApplicableTasks:
    """The named tasks, or all fast ones of the run's game. Raises `UserError` for a named task that does not apply."""
    created: dict[str, EvaluationTask] = {
        name: task_family.create(name) for name in (task_family.family.importable_names() if names is None else names)
    }
    if names is not None:
        mistakes = list(_task_mistakes(created, run, dataset))
        if mistakes:
            raise UserError("\n".join(mistakes))
        return _ApplicableTasks(created)
    own = {name: task for name, task in created.items() if task.applies_to(run)}
    missing = {name: task.missing_data(dataset) for name, task in own.items()}
    notes = [f"Not measured: {name}, which needs {what}." for name, what in missing.items() if what]
    slow = [name for name, task in own.items() if task.slow and not missing[name]]
    if slow:
        notes.append(f"Measured only where it is named, since it can take minutes: {', '.join(slow)}.")
    return _ApplicableTasks(
        {name: task for name, task in own.items() if not missing[name] and not task.slow}, tuple(notes)
    )


def _task_mistakes(created: dict[str, EvaluationTask], run: TrainedRun, dataset: Dataset) -> Iterator[str]:
    for name, task in created.items():
        if not task.applies_to(run):
            yield f"{name} needs {task.required_run}, which {run.path} is not: leave it out"
        elif what := task.missing_data(dataset):
            yield f"{name} needs {what}: leave it out, or train on other data"
