"""Which aims: those that were asked for among the metrics, or all of a run's game that take less than minutes."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from twoplayer import metrics
from twoplayer.config.renamed import Renames
from twoplayer.core.errors import UserError, did_you_mean
from twoplayer.evaluation import tasks
from twoplayer.evaluation.tasks._base import EvaluationTask
from twoplayer.measurement import ALIASES
from twoplayer.measurement._parse_names import named, words

if TYPE_CHECKING:
    from twoplayer.data._base import Dataset
    from twoplayer.inference.trained_run import TrainedRun

__all__ = ["ApplicableTasks", "MetricsAndTasks", "apart", "fitting"]


class MetricsAndTasks(NamedTuple):
    """What was asked for, aims apart from metrics."""

    metrics: list[Any] | None
    """What is left for measuring samples; None for all metrics, empty for none."""
    tasks: list[str] | None
    """None for all that the run's game has and that are quick."""
    mistakes: tuple[str, ...] = ()


class ApplicableTasks(NamedTuple):
    """The aims that a run is measured by, by their names, and why others are left out."""

    tasks: dict[str, EvaluationTask]
    notes: tuple[str, ...] = ()


def apart(given: Any) -> MetricsAndTasks:
    """Split what ``--metrics`` names; words that are neither stay among the metrics, but for misspelt aims."""
    if given is None:
        return MetricsAndTasks(None, None)
    rest, found, mistakes = list[Any](), list[str](), list[str]()
    renames = Renames()
    for word in words(given):
        name = word.partition(":")[0].lower().replace("_", "-") if isinstance(word, str) else ""
        if (current := renames.member("evaluation-tasks", name)) != name:
            name = word = current
        if name in tasks.names():
            try:
                found += [each.name for each in named(word, tasks.family, "aim", {})]
            except UserError as error:
                mistakes.append(str(error))
        elif name and _is_misspelt(name):
            mistakes.append(f"no metric is called {name!r}: {did_you_mean(name, tasks.names())}")
        else:
            rest.append(word)
    renames.warn(stacklevel=2)
    nothing = not (rest or found or mistakes)
    return MetricsAndTasks([given] if nothing else rest, list(dict.fromkeys(found)), tuple(mistakes))


def fitting(asked: Sequence[str] | None, run: TrainedRun, dataset: Dataset) -> ApplicableTasks:
    """The aims by those names, or all of the run's game that are quick; of the others it is said why they are not.

    Raises `UserError` for one that was named and cannot be measured.
    """
    made: dict[str, EvaluationTask] = {
        name: tasks.create(name) for name in (tasks.family.importable_names() if asked is None else asked)
    }
    if asked is not None:
        mistakes = list(_mistakes(made, run, dataset))
        if mistakes:
            raise UserError("\n".join(mistakes))
        return ApplicableTasks(made)
    mine = {name: aim for name, aim in made.items() if aim.serves(run)}
    lacking = {name: aim.obstacle(dataset) for name, aim in mine.items()}
    notes = [f"Not measured: {name}, which needs {what}." for name, what in lacking.items() if what]
    slow = [name for name, aim in mine.items() if aim.slow and not lacking[name]]
    if slow:
        notes.append(f"Measured only where it is named, since it can take minutes: {', '.join(slow)}.")
    return ApplicableTasks({n: aim for n, aim in mine.items() if not lacking[n] and not aim.slow}, tuple(notes))


def _mistakes(made: dict[str, EvaluationTask], run: TrainedRun, dataset: Dataset) -> Iterator[str]:
    for name, aim in made.items():
        if not aim.serves(run):
            yield f"{name} needs {aim.wants}, which {run.path} is not: leave it out"
        elif what := aim.obstacle(dataset):
            yield f"{name} needs {what}: leave it out, or train on other data"


def _is_misspelt(name: str) -> bool:
    """Whether an aim is nearer to the word than any metric."""
    known = [*metrics.names(), *ALIASES]
    near = difflib.get_close_matches(name, [*known, *tasks.names()], n=1)
    return name not in known and bool(near) and near[0] in tasks.names()
