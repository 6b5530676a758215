"""What a comparison reads from run folders: metrics at the end and over training, settings, environment."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from twoplayer.comparison.metric_cache import read_cached, write_cached
from twoplayer.config.schema import CHANGEABLE_ON_RESUME, STOP_FIELDS, Config
from twoplayer.core.errors import UserError
from twoplayer.core.files import read_json_lines
from twoplayer.measurement.renamed_values import stored_metric_values
from twoplayer.runs.run_dir import RunFolder

__all__ = [
    "ENDED_STATES",
    "FinalScore",
    "MeasuredRun",
    "ProgressPoint",
    "RunEntry",
    "group_by_data",
    "read_runs",
    "run_entries",
    "with_missing_metrics",
]

Progress = Callable[[str], None]

ENDED_STATES = ("finished", "diverged", "stopped")
"""States of a run that has ended, successfully or not."""
SAME_ROW_SETTINGS = frozenset((*CHANGEABLE_ON_RESUME, "seed", "method"))
"""Settings in which the runs of one row may differ."""


@dataclass(frozen=True)
class RunEntry:
    """A run folder with its place in the comparison."""

    path: Path
    label: str
    """Of its row."""
    replicate: str
    """Pairs the run with runs of other rows: ``seed 0``."""
    factors: Mapping[str, Any] = field(default_factory=dict)
    """The settings that vary, by name."""


@dataclass(frozen=True)
class FinalScore:
    """A metric of a run at its end."""

    value: float
    higher_is_better: bool | None
    """None if the value of real data is the best one."""
    error: float | None = None
    """Standard error."""
    real: float | None = None
    """The value of held-out real data."""
    quantity: str = ""
    """The name without the sample count."""
    metric: str | None = None
    """The metric as ``twoplayer evaluate --metrics`` takes it; None where it cannot be named there."""
    count: int | None = None
    """Number of samples."""

    @property
    def cost(self) -> float:
        """A number that is smaller for better values.

        The negative value if higher is better; the distance from the value of real data if that is the best one, NaN
        if it is not known.
        """
        if self.higher_is_better is None:
            return math.nan if self.real is None else abs(self.value - self.real)
        return -self.value if self.higher_is_better else self.value


@dataclass(frozen=True)
class ProgressPoint:
    """A metric measured during training."""

    step: int
    images_seen: int
    seconds: float
    value: float


@dataclass(frozen=True)
class MeasuredRun:
    """A run of a comparison."""

    path: Path
    label: str
    replicate: str
    factors: Mapping[str, Any]
    config: Config
    data: Mapping[str, Any]
    environment: Mapping[str, Any]
    state: str
    message: str | None
    step: int
    images_seen: int
    seconds: float
    scores: Mapping[str, FinalScore]
    """By the metric's printed name; empty unless the run finished."""
    curves: Mapping[str, tuple[ProgressPoint, ...]]
    """Metrics over training, by printed name."""
    notes: tuple[str, ...] = ()

    @property
    def finished(self) -> bool:
        return self.state == "finished"

    @property
    def budget(self) -> tuple[str, float] | None:
        """The setting that ended it, and its value: ``("max_time", 600.0)``."""
        return next(((s, float(v)) for s in STOP_FIELDS if (v := getattr(self.config, s)) is not None), None)


def run_entries(paths: Sequence[Path]) -> tuple[list[RunEntry], list[str]]:
    """Run folders as entries of a comparison.

    A run's row is its method with the settings in which the runs of this method differ; runs of a row are paired with
    those of other rows by their seeds.

    Returns:
        The entries, and a sentence for each folder that is left out.
    """
    configs, problems = {}, []
    for path in dict.fromkeys(paths):
        try:
            configs[path] = RunFolder(path).require().config()
        except UserError as error:
            problems.append(f"{error}")
    trees: dict[str, list[dict[str, Any]]] = {}
    for config in configs.values():
        trees.setdefault(config.method, []).append(_flat(config.tree()))
    varying = {method: _varying_settings(method_trees) for method, method_trees in trees.items()}
    entries, path_by_key = list[RunEntry](), dict[Any, Path]()
    for path, config in configs.items():
        flat = _flat(config.tree())
        factors = {key: flat[key] for key in varying[config.method] if key in flat}
        label = " ".join([config.method, *(f"{key}={value}" for key, value in factors.items())])
        entry = RunEntry(path, label, f"seed {config.seed}", factors)
        key = (_data_key(path), label, entry.replicate)
        if key in path_by_key:
            problems.append(f"{path} has the settings and the seed of {path_by_key[key]}")
        else:
            path_by_key[key] = path
            entries.append(entry)
    return entries, problems


def read_runs(entries: Iterable[RunEntry]) -> tuple[list[MeasuredRun], list[str]]:
    """Read the runs that have ended.

    Returns:
        The runs, and a sentence for each one that is left out.
    """
    runs, problems = [], []
    for entry in entries:
        try:
            run = _read_run(entry)
        except UserError as error:
            problems.append(f"{error}")
            continue
        except (KeyError, TypeError, ValueError) as error:
            problems.append(f"{entry.path} is corrupt ({type(error).__name__}): restore it or train anew")
            continue
        if run.state in ENDED_STATES:
            runs.append(run)
        else:
            problems.append(f"{entry.path} is not finished ({run.state} at step {run.step:,})")
    return runs, problems


def group_by_data(runs: Sequence[MeasuredRun]) -> list[list[MeasuredRun]]:
    """The runs in groups of the same training data, in order of appearance."""
    groups: dict[Any, list[MeasuredRun]] = {}
    for run in runs:
        groups.setdefault(run.data.get("key"), []).append(run)
    return list(groups.values())


def with_missing_metrics(
    runs: Sequence[MeasuredRun], more: Sequence[str], progress: Progress
) -> tuple[list[MeasuredRun], list[str]]:
    """Measure the metrics that a run lacks and others have, and those in `more`.

    Of a metric that was measured on different numbers of samples the most common number counts. If no run has any
    metric, all applicable ones are measured.

    Args:
        runs: runs on the same data.
        more: names as ``twoplayer evaluate --metrics`` takes them.
        progress: is called with a line of text before each measurement.

    Returns:
        The runs, and a sentence for each one that could not be measured.
    """
    compared = _compared_scores(runs)
    notes, completed = [], []
    for run in runs:
        missing = [score for name, score in compared.items() if name not in run.scores]
        if run.finished and (missing or more or not compared):
            requested = [*dict.fromkeys([*more, *(score.metric for score in missing if score.metric)])]
            count = missing[0].count if missing else None
            run, problem = _with_measured(run, requested or None, count, progress)
            notes += [problem] if problem else []
        completed.append(run)
    names = _compared_scores(completed)
    return [replace(run, scores={n: s for n, s in run.scores.items() if n in names}) for run in completed], notes


def _compared_scores(runs: Sequence[MeasuredRun]) -> dict[str, FinalScore]:
    """A score of each metric to compare, by its name, in order of appearance.

    Of a quantity that was measured on different numbers of samples the most common number counts.
    """
    by_quantity: dict[str, dict[str, list[FinalScore]]] = {}
    for run in runs:
        for name, score in run.scores.items():
            by_quantity.setdefault(score.quantity or name, {}).setdefault(name, []).append(score)
    names = [max(scores, key=lambda name: len(scores[name])) for scores in by_quantity.values()]
    return {name: scores[name][0] for name, scores in zip(names, by_quantity.values(), strict=True)}


def _with_measured(
    run: MeasuredRun, requested: list[str] | None, count: int | None, progress: Progress
) -> tuple[MeasuredRun, str]:
    """The run with the requested metrics in addition to its own, and the reason if they cannot be measured."""
    from twoplayer.core.version import __version__
    from twoplayer.evaluation.evaluate import evaluate_run
    from twoplayer.inference.trained_run import TrainedRun

    request = {"step": run.step, "images_seen": run.images_seen, "metrics": requested, "count": count,
               "by": __version__}  # fmt: skip
    entries = read_cached(run.path, request)
    if entries is None:
        progress(f"measuring {', '.join(requested or ['all applicable metrics'])} on {run.path}")
        try:
            entries = [asdict(f) for f in evaluate_run(TrainedRun(run.path), n=count, metrics=requested).metric_values]
        except UserError as error:
            return run, f"{run.path}: {', '.join(requested or ['all metrics'])} could not be measured: {error}"
        write_cached(run.path, request, entries)
    return replace(run, scores={**{e["name"]: _score(e) for e in entries}, **run.scores}), ""


def _read_run(entry: RunEntry) -> MeasuredRun:
    folder = RunFolder(entry.path).require()
    config, status, lines = folder.config(), folder.status(), read_json_lines(folder.metrics)
    state = str(status.get("state"))
    checkpoint = status.get("best_checkpoint") or status
    last: Mapping[str, Any] = next((m for m in reversed(lines) if m.get("step") == checkpoint.get("step")), {})
    return MeasuredRun(
        path=entry.path,
        label=entry.label,
        replicate=entry.replicate,
        factors=entry.factors,
        config=config,
        data=folder.data(),
        environment=folder.environment(),
        state=state,
        message=status.get("message"),
        step=int(status.get("step", 0)),
        images_seen=int(status.get("images_seen", 0)),
        seconds=float(status.get("seconds", 0.0)),
        scores={str(e["name"]): _score(e) for e in stored_metric_values(last)} if state == "finished" else {},
        curves=_curves(lines),
        notes=tuple(str(note) for note in last.get("notes") or [] if note),
    )


def _score(entry: Mapping[str, Any]) -> FinalScore:
    higher_is_better = entry.get("higher_is_better")
    value = _value(entry.get("value"), higher_is_better)
    return FinalScore(
        value,
        higher_is_better,
        entry.get("error"),
        entry.get("real"),
        quantity=str(entry.get("quantity") or ""),
        metric=entry.get("metric"),
        count=entry.get("count"),
    )


def _value(value: Any, higher_is_better: bool | None) -> float:
    """A stored value; JSON has no infinities, so that a missing value was infinitely bad."""
    if value is None or math.isnan(value):
        return -math.inf if higher_is_better else math.inf
    return float(value)


def _curves(lines: Sequence[Mapping[str, Any]]) -> dict[str, tuple[ProgressPoint, ...]]:
    by_name: dict[str, dict[int, ProgressPoint]] = {}
    for line in lines:
        for entry in stored_metric_values(line):
            value = _value(entry.get("value"), entry.get("higher_is_better"))
            point = ProgressPoint(int(line["step"]), int(line["images_seen"]), float(line["seconds"]), value)
            by_name.setdefault(str(entry["name"]), {})[point.step] = point
    return {name: tuple(points[step] for step in sorted(points)) for name, points in by_name.items()}


def _varying_settings(trees: Sequence[Mapping[str, Any]]) -> list[str]:
    """The settings in which flattened configs differ, except for those in which runs of a row may."""
    keys = dict.fromkeys(
        key for tree in trees for key in tree if key.partition(".")[0] not in (*SAME_ROW_SETTINGS, "data")
    )
    return [key for key in keys if len({repr(tree.get(key)) for tree in trees}) > 1]


def _flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat


def _data_key(path: Path) -> Any:
    try:
        return RunFolder(path).data().get("key")
    except UserError:  # `read_runs` reports it
        return None
