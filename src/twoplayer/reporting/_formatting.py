"""Sentences of the report: status, data, units."""

from __future__ import annotations

import shlex
from typing import Any

from twoplayer.core.number_format import format_duration
from twoplayer.reporting._record import RecordedSamples, RunRecord, number

__all__ = [
    "better",
    "data_sentence",
    "evaluate_command",
    "seen_unit",
    "status_sentence",
    "title",
    "training_progress",
]

DIRECTIONS = {True: "higher is better", False: "lower is better", None: "closest to real data is best"}


def better(higher_is_better: bool | None) -> str:
    """Which values of a metric are better, in words; None: the value of real data is the best one."""
    return DIRECTIONS[higher_is_better]


def title(record: RunRecord) -> tuple[str, str]:
    """The names of the method and of the data."""
    return _name(record.config.get("method")), str(record.data.get("name") or _name(record.config.get("data")))


def seen_unit(record: RunRecord) -> str:
    """What the data consist of: ``"images"`` or ``"points"``."""
    return "points" if record.data.get("kind") == "points" else "images"


def training_progress(samples: RecordedSamples, unit: str) -> str:
    """How far training was when the samples were drawn: ``2,560 images``."""
    return f"step {samples.step:,}" if samples.images_seen is None else f"{samples.images_seen:,.0f} {unit}"


def data_sentence(record: RunRecord) -> str:
    """The number and shape of the real samples; empty where the folder does not say."""
    data, unit = record.data, seen_unit(record)
    train, held_out = number(data.get("train")), number(data.get("held_out"))
    if train is None:
        return ""
    parts = [f"{train:,.0f} training {unit}{_shape(data.get('shape'), unit)}"]
    if held_out:
        parts.append(f"{held_out:,.0f} held out")
    if data.get("classes"):
        parts.append(f"{len(data['classes'])} classes")
    return ", ".join(parts)


def evaluate_command(record: RunRecord) -> str:
    """The command that evaluates the run; empty for a run without samples."""
    return f"twoplayer evaluate {shlex.quote(str(record.path))}" if record.samples else ""


def status_sentence(record: RunRecord) -> str:
    """The state of the run and how far it was trained, in one sentence."""
    progress = _progress_clause(record)
    match record.status.get("state"):
        case "finished":
            return f"Finished: {progress}."
        case "running":
            return f"Not finished when this was written: so far, {progress}."
        case "interrupted":
            return f"Interrupted: {progress}; the same command resumes it."
        case "diverged":
            return f"Training stopped itself: {progress}."
    return progress[0].upper() + progress[1:] + "."


def _progress_clause(record: RunRecord) -> str:
    status = record.status or (record.progress[-1] if record.progress else {})
    images_seen, step = number(status.get("images_seen")), number(status.get("step"))
    seconds = number(status.get("seconds"))
    if not images_seen:
        return "nothing has been trained yet"
    steps = f"{step:,.0f} step{'' if step == 1 else 's'} on " if step else ""
    duration = f" in {format_duration(seconds)}" if seconds else ""
    return f"{steps}{images_seen:,.0f} {seen_unit(record)}{duration}"


def _name(value: Any) -> str:
    if isinstance(value, dict):
        value = value.get("name") or value.get("source") or next(iter(value.values()), None)
    return str(value) if value is not None else "unnamed"


def _shape(shape: Any, unit: str) -> str:
    if not isinstance(shape, list) or not shape:
        return ""
    if unit == "points":
        return f" in {shape[0]} dimension{'s' * (shape[0] != 1)}"
    channels = {1: " in grey", 3: " in colour"}.get(shape[0], "") if len(shape) == 3 else ""
    return " of " + " \u00d7 ".join(str(n) for n in shape[-2:]) + channels
