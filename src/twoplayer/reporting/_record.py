"""What a run folder says, read once, in the report's own records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from twoplayer.core.files import read_json_lines
from twoplayer.runs.run_dir import RunFolder

__all__ = ["RecordedSamples", "RecordedValue", "RunRecord", "read_record"]


@dataclass(frozen=True)
class RecordedValue:
    """One value of one metric, and what held-out real data reach (the ceiling)."""

    name: str
    value: float | None
    higher_is_better: bool | None
    """None where the real data's own figure is the best one."""
    real: float | None
    step: int
    images_seen: float


@dataclass(frozen=True)
class RecordedSamples:
    """A picture of samples, and how far training was: generator steps and, where known, images seen."""

    path: Path
    step: int
    images_seen: float | None


@dataclass(frozen=True)
class RunRecord:
    """A run as its folder tells it; nothing need be logged or drawn yet."""

    path: Path
    """The folder, as it was asked for."""
    name: str
    config: Mapping[str, Any]
    environment: Mapping[str, Any]
    status: Mapping[str, Any]
    data: Mapping[str, Any]
    progress: list[dict[str, Any]]
    figures: list[RecordedValue]
    notes: list[str]
    samples: list[RecordedSamples]
    real_samples: Path | None
    evaluation: Path
    """The folder of what ``twoplayer evaluate`` left, if it did."""


def read_record(folder: Path) -> RunRecord:
    """Read the run in `folder`. Raises `UserError` when there is none that this version can read."""
    run = RunFolder(folder).require()
    progress, status = _surviving(read_json_lines(run.progress)), run.status()
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
        figures=_figures(measurements),
        notes=[str(note) for note in (measurements[-1].get("notes") or [])] if measurements else [],
        samples=_samples(run.samples, [*progress, *_end(progress, status)]),
        real_samples=real if real.is_file() else None,
        evaluation=run.evaluation,
    )


def number(value: Any) -> float | None:
    """`value` as a float; None where it is missing or no number. NaN and infinity pass."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _surviving(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The records that count: a resumed run repeats steps, and what it repeats replaces the first try."""
    kept: list[dict[str, Any]] = []
    for record in records:
        step = number(record.get("step"))
        if step is None or number(record.get("images_seen")) is None:
            continue
        while kept and kept[-1]["step"] >= step:
            kept.pop()
        kept.append(record)
    return kept


def _end(progress: list[dict[str, Any]], status: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Where the run stands, as a last record, unless it has gone back or goes on."""
    step, seen = number(status.get("step")), number(status.get("images_seen"))
    if step is None or seen is None:
        return []
    return [status] if step >= (progress[-1]["step"] if progress else 1) else []


def _figures(measurements: list[dict[str, Any]]) -> list[RecordedValue]:
    """The newest value for each name and step, in order of first mention, then of steps."""
    found: dict[str, dict[int, RecordedValue]] = {}
    for measurement in measurements:
        step = int(number(measurement.get("step")) or 0)
        images_seen = number(measurement.get("images_seen")) or 0.0
        for entry in measurement.get("figures") or []:
            name, higher = str(entry.get("name")), entry.get("higher_is_better")
            value, real = number(entry.get("value")), number(entry.get("real"))
            found.setdefault(name, {})[step] = RecordedValue(name, value, higher, real, step, images_seen)
    return [by_step[step] for by_step in found.values() for step in sorted(by_step)]


def _samples(folder: Path, progress: Sequence[Mapping[str, Any]]) -> list[RecordedSamples]:
    """The pictures in order of steps; images seen are interpolated between the records, from none at step 0."""
    pictures = sorted((int(path.stem), path) for path in folder.glob("*.png") if path.stem.isdecimal())
    steps, seen = ([0.0, *(float(record[name]) for record in progress)] for name in ("step", "images_seen"))
    return [
        RecordedSamples(path, step, float(round(np.interp(step, steps, seen))) if step == 0 or progress else None)
        for step, path in pictures
    ]
