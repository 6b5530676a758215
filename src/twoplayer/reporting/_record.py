"""The contents of a run folder as records of the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from twoplayer.core.files import read_json_lines
from twoplayer.measurement.renamed_values import stored_metric_values
from twoplayer.runs.run_dir import RunFolder

__all__ = ["RecordedSamples", "RecordedValue", "RunRecord", "read_record"]


@dataclass(frozen=True)
class RecordedValue:
    """One value of one metric, and the value of held-out real data."""

    name: str
    value: float | None
    higher_is_better: bool | None
    """None if the value of real data is the best one."""
    real: float | None
    step: int
    images_seen: float


@dataclass(frozen=True)
class RecordedSamples:
    """A picture of samples, and the step and (if known) the images seen at which they were drawn."""

    path: Path
    step: int
    images_seen: float | None


@dataclass(frozen=True)
class RunRecord:
    """The contents of a run folder; logs and samples may be empty."""

    path: Path
    """The folder as the caller named it."""
    name: str
    config: Mapping[str, Any]
    environment: Mapping[str, Any]
    status: Mapping[str, Any]
    data: Mapping[str, Any]
    progress: list[dict[str, Any]]
    metric_values: list[RecordedValue]
    notes: list[str]
    samples: list[RecordedSamples]
    real_samples: Path | None
    evaluation: Path
    """The folder in which ``twoplayer evaluate`` stores its results; it may not exist."""


def read_record(folder: Path) -> RunRecord:
    """Read the run in `folder`.

    Raises:
        UserError: if there is no run that this version can read.
    """
    run = RunFolder(folder).require()
    progress, status = _without_repeated_steps(read_json_lines(run.progress)), run.status()
    measurements = read_json_lines(run.metrics)
    real = run.samples / "real.png"
    return RunRecord(
        path=folder,
        name=folder.resolve().name,
        config=run.config().tree(),
        environment=run.environment(),
        status=status,
        data=run.data(),
        progress=progress,
        metric_values=_metric_values(measurements),
        notes=[str(note) for note in (measurements[-1].get("notes") or [])] if measurements else [],
        samples=_samples(run.samples, [*progress, *_final_record(progress, status)]),
        real_samples=real if real.is_file() else None,
        evaluation=run.evaluation,
    )


def number(value: Any) -> float | None:
    """`value` as a float; None where it is missing or no number. NaN and infinity pass."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _without_repeated_steps(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The records in order of steps: those that a resumed run wrote again replace the first ones."""
    result: list[dict[str, Any]] = []
    for record in records:
        step = number(record.get("step"))
        if step is None or number(record.get("images_seen")) is None:
            continue
        while result and result[-1]["step"] >= step:
            result.pop()
        result.append(record)
    return result


def _final_record(progress: list[dict[str, Any]], status: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The status as a last record, unless the run returned to an earlier checkpoint."""
    step, seen = number(status.get("step")), number(status.get("images_seen"))
    if step is None or seen is None:
        return []
    return [status] if step >= (progress[-1]["step"] if progress else 1) else []


def _metric_values(measurements: list[dict[str, Any]]) -> list[RecordedValue]:
    """The newest value for each name and step, in order of first mention, then of steps."""
    by_name: dict[str, dict[int, RecordedValue]] = {}
    for measurement in measurements:
        step = int(number(measurement.get("step")) or 0)
        images_seen = number(measurement.get("images_seen")) or 0.0
        for entry in stored_metric_values(measurement):
            name, higher = str(entry.get("name")), entry.get("higher_is_better")
            value, real = number(entry.get("value")), number(entry.get("real"))
            by_name.setdefault(name, {})[step] = RecordedValue(name, value, higher, real, step, images_seen)
    return [by_step[step] for by_step in by_name.values() for step in sorted(by_step)]


def _samples(folder: Path, progress: Sequence[Mapping[str, Any]]) -> list[RecordedSamples]:
    """The pictures in order of steps; images seen are interpolated linearly between the records, from 0 at step 0."""
    pictures = sorted((int(path.stem), path) for path in folder.glob("*.png") if path.stem.isdecimal())
    steps, images_seen = ([0.0, *(float(record[name]) for record in progress)] for name in ("step", "images_seen"))
    return [
        RecordedSamples(
            path, step, float(round(np.interp(step, steps, images_seen))) if step == 0 or progress else None
        )
        for step, path in pictures
    ]
