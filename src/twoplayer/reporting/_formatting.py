"""Numbers and states in words."""

from __future__ import annotations

import math
import shlex
from typing import Any

from twoplayer.core.number_format import shown
from twoplayer.reporting._record import RecordedSamples, RunRecord, number

__all__ = [
    "better",
    "count",
    "data_sentence",
    "duration",
    "evaluate_command",
    "figure",
    "figure_with_error",
    "reached",
    "seen_unit",
    "short",
    "status_sentence",
    "title",
]


def count(value: float) -> str:
    """A whole number with thousands separated: 460,000."""
    return f"{value:,.0f}"


def short(value: float) -> str:
    """A number as an axis spells it: 0.5, 200k, 1.5M, 1e-4."""
    for size, suffix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.4g}{suffix}".replace("-", "\u2212")
    spelled = f"{value:.2e}" if 0 < abs(value) < 1e-3 else f"{value:.4g}"
    return spelled.replace(".00e", "e").replace("e-0", "e-").replace("-", "\u2212")


def figure(value: float | None) -> str:
    """A measured value to four significant digits; a dash where there is none."""
    if value is None or math.isnan(value):
        return "\u2013"
    if math.isinf(value):
        return "\u221e" if value > 0 else "\u2212\u221e"
    digits = f"{value:,.0f}" if 1e4 <= abs(value) < 1e9 else f"{value:.4g}"
    return digits.replace("-", "\u2212")


def figure_with_error(value: float | None, error: float | None) -> str:
    """A measured value as far as its standard error lets it be known, and that to two digits: 3.21 \u00b1 0.14."""
    return figure(value) if value is None or error is None else shown(value, error).replace("-", "\u2212")


def better(higher: bool | None) -> str:
    """Which way is better, in words; None: the real data's own figure is the best one."""
    return "best like real" if higher is None else f"{'higher' if higher else 'lower'} is better"


def duration(seconds: float) -> str:
    """3.2 s, 10 min 3 s, 2 h 5 min."""
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def title(record: RunRecord) -> tuple[str, str]:
    """The method and the data, by name."""
    return _name(record.config.get("method")), str(record.data.get("name") or _name(record.config.get("data")))


def seen_unit(record: RunRecord) -> str:
    """What the critic saw: images or points."""
    return "points" if record.data.get("kind") == "points" else "images"


def reached(sample: RecordedSamples, unit: str) -> str:
    """How far training was when samples were drawn: 2,560 images."""
    return f"step {count(sample.step)}" if sample.images_seen is None else f"{count(sample.images_seen)} {unit}"


def data_sentence(record: RunRecord) -> str:
    """How many real samples of which shape; empty where the folder does not say."""
    data, unit = record.data, seen_unit(record)
    train, held_out = number(data.get("train")), number(data.get("held_out"))
    if train is None:
        return ""
    parts = [f"{count(train)} training {unit}{_shape(data.get('shape'), unit)}"]
    if held_out:
        parts.append(f"{count(held_out)} held out")
    if data.get("classes"):
        parts.append(f"{len(data['classes'])} classes")
    return ", ".join(parts)


def evaluate_command(record: RunRecord) -> str:
    """What measures the run and draws its nearest neighbours and paths; empty where there is nothing to measure."""
    return f"twoplayer evaluate {shlex.quote(str(record.path))}" if record.samples else ""


def status_sentence(record: RunRecord) -> str:
    """One sentence on where the run stands."""
    how_far = _how_far(record)
    match record.status.get("state"):
        case "finished":
            return f"Finished: {how_far}."
        case "running":
            return f"Not finished when this was written: so far, {how_far}."
        case "interrupted":
            return f"Interrupted: {how_far}; the same command resumes it."
        case "diverged":
            return f"Training stopped itself: {how_far}."
    return how_far[0].upper() + how_far[1:] + "."


def _how_far(record: RunRecord) -> str:
    status = record.status or (record.progress[-1] if record.progress else {})
    images_seen, step = number(status.get("images_seen")), number(status.get("step"))
    seconds = number(status.get("seconds"))
    if not images_seen:
        return "nothing has been trained yet"
    words = f"the critic saw {count(images_seen)} {seen_unit(record)}"
    words += f" in {duration(seconds)}" if seconds else ""
    return words + (f", the generator took {count(step)} {'step' if step == 1 else 'steps'}" if step else "")


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
