"""What a comparison takes from run folders: figures, their course over training, and what was the same for all."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from twoplayer.comparison.figure_cache import keep, recall
from twoplayer.config.schema import CHANGEABLE_ON_RESUME, STOP_FIELDS, Config
from twoplayer.core.errors import UserError
from twoplayer.core.files import read_json_lines
from twoplayer.runs.run_dir import RunFolder

__all__ = ["FinalScore", "MeasuredRun", "ProgressPoint", "RunEntry", "by_data", "completed", "entries_of", "read"]

Say = Callable[[str], None]

OVER = ("finished", "diverged", "stopped")
"""States in which a run has come to its end, be it a bad one."""
SAME = frozenset((*CHANGEABLE_ON_RESUME, "seed", "method"))
"""Settings in which runs of one row may differ."""


@dataclass(frozen=True)
class RunEntry:
    """A run folder and its place in the comparison."""

    path: Path
    label: str
    replicate: str
    factors: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class FinalScore:
    """A figure of a run at its end."""

    value: float
    higher_is_better: bool | None
    error: float | None = None
    real: float | None = None

    @property
    def cost(self) -> float:
        """What is to be small: the value turned round where more is better, the distance from the real data's own
        figure where neither is; NaN where that is not known."""
        if self.higher_is_better is None:
            return math.nan if self.real is None else abs(self.value - self.real)
        return -self.value if self.higher_is_better else self.value


@dataclass(frozen=True)
class ProgressPoint:
    """A figure on the way."""

    step: int
    images_seen: int
    seconds: float
    value: float


@dataclass(frozen=True)
class MeasuredRun:
    """One run, as a comparison sees it."""

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
    """By the figure's name; none of a run that ended badly."""
    course: Mapping[str, tuple[ProgressPoint, ...]]
    notes: tuple[str, ...] = ()

    @property
    def good(self) -> bool:
        return self.state == "finished"

    @property
    def budget(self) -> tuple[str, float] | None:
        """What ended it: ``("max_time", 600.0)``."""
        return next(((s, float(v)) for s in STOP_FIELDS if (v := getattr(self.config, s)) is not None), None)


def entries_of(paths: Sequence[Path]) -> tuple[list[RunEntry], list[str]]:
    """TrainedRun folders as a comparison's entries, and why the others were left out.

    A run's row is its method, with the settings in which runs of this method differ; runs of a row are paired with
    those of others by their seeds.
    """
    configs, problems = {}, []
    for path in dict.fromkeys(paths):
        try:
            configs[path] = RunFolder(path).require().config()
        except UserError as error:
            problems.append(f"{error}")
    different = _differences(configs.values())
    entries, taken = list[RunEntry](), dict[Any, Path]()
    for path, config in configs.items():
        flat = _flat(config.tree())
        factors = {key: flat[key] for key in different[config.method] if key in flat}
        label = " ".join([config.method, *(f"{key}={value}" for key, value in factors.items())])
        entry = RunEntry(path, label, f"seed {config.seed}", factors)
        key = (_data_key(path), label, entry.replicate)
        if key in taken:
            problems.append(f"{path} has the settings and the seed of {taken[key]}")
        else:
            taken[key] = path
            entries.append(entry)
    return entries, problems


def read(entries: Iterable[RunEntry]) -> tuple[list[MeasuredRun], list[str]]:
    """The runs that have come to an end, and why the others were left out."""
    runs, problems = [], []
    for entry in entries:
        try:
            run = _read(entry)
        except UserError as error:
            problems.append(f"{error}")
            continue
        except (KeyError, TypeError, ValueError) as error:
            problems.append(f"{entry.path} is corrupt ({type(error).__name__}): restore it or train anew")
            continue
        if run.state in OVER:
            runs.append(run)
        else:
            problems.append(f"{entry.path} is not finished ({run.state} at round {run.step:,})")
    return runs, problems


def by_data(runs: Sequence[MeasuredRun]) -> list[list[MeasuredRun]]:
    """The runs in groups that were trained on the same data, in order of appearance."""
    groups: dict[Any, list[MeasuredRun]] = {}
    for run in runs:
        groups.setdefault(run.data.get("key"), []).append(run)
    return list(groups.values())


def completed(runs: Sequence[MeasuredRun], more: Sequence[str], say: Say) -> tuple[list[MeasuredRun], list[str]]:
    """The runs with the figures that others have and they lack, and with `more`, measured now, and what could not be.

    `more` are names as ``twoplayer evaluate --metrics`` takes them. Of a figure that was measured on different numbers
    of samples the most common one counts. Where no run has any figure, all that apply are measured.
    """
    wanted = _wanted(runs)
    notes, whole = [], []
    for run in runs:
        missing = [name for name in wanted if name not in run.scores]
        if run.good and (missing or more or not wanted):
            asked = [*dict.fromkeys([*more, *map(_metric, missing)])]
            run, why = _measured(run, asked or None, _count(missing[0]) if missing else None, say)
            notes += [why] if why else []
        whole.append(run)
    names = _wanted(whole)
    return [replace(run, scores={n: s for n, s in run.scores.items() if n in names}) for run in whole], notes


def _wanted(runs: Sequence[MeasuredRun]) -> list[str]:
    """Names of the figures to compare, in order of appearance: of each kind the count that most runs have."""
    found: dict[str, dict[str, int]] = {}
    for run in runs:
        for name in run.scores:
            counts = found.setdefault(name.rpartition("_")[0] or name, {})
            counts[name] = counts.get(name, 0) + 1
    return [max(counts, key=lambda name: counts[name]) for counts in found.values()]


def _measured(run: MeasuredRun, asked: list[str] | None, count: int | None, say: Say) -> tuple[MeasuredRun, str]:
    """The run with what was asked for besides what it has, and why not, where it cannot be measured."""
    from twoplayer.core.version import __version__
    from twoplayer.evaluation.evaluate import evaluate_run
    from twoplayer.inference.trained_run import TrainedRun

    wanted = {"step": run.step, "images_seen": run.images_seen, "metrics": asked, "count": count, "by": __version__}
    figures = recall(run.path, wanted)
    if figures is None:
        say(f"measuring {', '.join(asked or ['all that applies'])} of {run.path}")
        try:
            figures = [asdict(f) for f in evaluate_run(TrainedRun(run.path), n=count, metrics=asked).figures]
        except UserError as error:
            return run, f"{run.path} was not measured by {', '.join(asked or ['anything'])}: {error}"
        keep(run.path, wanted, figures)
    return replace(run, scores={**{f["name"]: _score(f) for f in figures}, **run.scores}), ""


def _metric(figure: str) -> str:
    """The metric that a figure's name begins with: ``inception-score`` of ``inception_score_classifier_10k``."""
    from twoplayer import metrics

    fitting = [name for name in metrics.names() if figure.startswith(f"{name.replace('-', '_')}_")]
    return max(fitting, key=len, default=figure)


def _count(name: str) -> int | None:
    """The sample count that a figure's name states: 10,000 of ``fd_classifier_10k``."""
    text = name.rpartition("_")[2]
    thousands = text.endswith("k")
    return int(text.removesuffix("k")) * (1000 if thousands else 1) if text.removesuffix("k").isdecimal() else None


def _read(entry: RunEntry) -> MeasuredRun:
    folder = RunFolder(entry.path).require()
    config, status, lines = folder.config(), folder.status(), read_json_lines(folder.metrics)
    state = str(status.get("state"))
    kept = status.get("kept") or status
    last: Mapping[str, Any] = next((m for m in reversed(lines) if m.get("step") == kept.get("step")), {})
    figures = [f for f in last.get("figures") or [] if isinstance(f, dict)]
    return MeasuredRun(
        entry.path,
        entry.label,
        entry.replicate,
        entry.factors,
        config,
        folder.data(),
        folder.environment(),
        state,
        status.get("message"),
        int(status.get("step", 0)),
        int(status.get("images_seen", 0)),
        float(status.get("seconds", 0.0)),
        {str(f["name"]): _score(f) for f in figures} if state == "finished" else {},
        _course(lines),
        tuple(str(note) for note in last.get("notes") or [] if note),
    )


def _score(figure: Mapping[str, Any]) -> FinalScore:
    higher = figure.get("higher_is_better")
    return FinalScore(_value(figure.get("value"), higher), higher, figure.get("error"), figure.get("real"))


def _value(value: Any, higher_is_better: bool | None) -> float:
    """JSON has no infinities: a figure without a value was infinitely bad."""
    if value is None or math.isnan(value):
        return -math.inf if higher_is_better else math.inf
    return float(value)


def _course(lines: Sequence[Mapping[str, Any]]) -> dict[str, tuple[ProgressPoint, ...]]:
    found: dict[str, dict[int, ProgressPoint]] = {}
    for line in lines:
        for figure in line.get("figures") or []:
            value = _value(figure.get("value"), figure.get("higher_is_better"))
            point = ProgressPoint(int(line["step"]), int(line["images_seen"]), float(line["seconds"]), value)
            found.setdefault(str(figure["name"]), {})[point.step] = point
    return {name: tuple(points[step] for step in sorted(points)) for name, points in found.items()}


# ---------------------------------------------------------------------- what tells runs apart


def _differences(configs: Iterable[Config]) -> dict[str, list[str]]:
    """By method, the settings in which its runs differ."""
    flats: dict[str, list[dict[str, Any]]] = {}
    for config in configs:
        flats.setdefault(config.method, []).append(_flat(config.tree()))
    return {method: _differing(trees) for method, trees in flats.items()}


def _differing(trees: Sequence[Mapping[str, Any]]) -> list[str]:
    keys = dict.fromkeys(key for tree in trees for key in tree if key.partition(".")[0] not in (*SAME, "data"))
    return [key for key in keys if len({repr(tree.get(key)) for tree in trees}) > 1]


def _flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            found |= _flat(value, f"{prefix}{key}.")
        else:
            found[prefix + key] = value
    return found


def _data_key(path: Path) -> Any:
    try:
        return RunFolder(path).data().get("key")
    except UserError:  # reading the run will say so
        return None
