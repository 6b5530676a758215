"""What ``twoplayer evaluate`` left in the run folder: figures with their errors, and pictures of copies and paths."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twoplayer.core.errors import UserError
from twoplayer.core.files import read_json
from twoplayer.reporting._formatting import better, count, figure_with_error
from twoplayer.reporting._frames import Frame, embedded
from twoplayer.reporting._record import number

__all__ = ["EvaluationRow", "EvaluationSection", "evaluation"]


@dataclass(frozen=True)
class EvaluationRow:
    """One figure in words: its value and the real data's, each with its error."""

    name: str
    value: str
    real: str
    real_of: str
    """On how many real samples, where on fewer than the figure says."""
    better: str


@dataclass(frozen=True)
class EvaluationSection:
    """A table of figures, what it was measured on, and pictures; whatever there is not is empty or None."""

    rows: list[EvaluationRow]
    measured_on: str
    notes: list[str]
    samples: str
    neighbours: Frame | None
    neighbours_held_out: Frame | None
    interpolations: Frame | None
    relative: bool
    """Whether the numbers beneath neighbours are multiples of a typical held-out image's distance."""


def evaluation(folder: Path, unit: str) -> EvaluationSection | None:
    """The evaluation that lies in a run's folder ``evaluation``, or None. Raises `UserError` where it is damaged."""
    if not (folder / "evaluation.json").is_file():
        return None
    document = read_json(folder / "evaluation.json")
    if not isinstance(document, dict):
        raise UserError(f"{folder / 'evaluation.json'} is corrupt: delete it, or evaluate again")
    samples, seen = number(document.get("samples")), number(document.get("images_seen"))
    figures = document.get("figures") or []
    return EvaluationSection(
        rows=[_row(entry, samples) for entry in figures],
        measured_on=_measured_on(samples, seen, unit),
        notes=[str(note) for note in document.get("notes") or []],
        samples="all samples" if samples is None else f"{count(samples)} samples",
        neighbours=_picture(folder, "neighbours"),
        neighbours_held_out=_picture(folder, "neighbours_held_out"),
        interpolations=_picture(folder, "interpolations"),
        relative=number(document.get("distance_unit")) is not None,
    )


def _row(entry: Mapping[str, Any], samples: float | None) -> EvaluationRow:
    value, error, real, real_error, real_count = (
        number(entry.get(key)) for key in ("value", "error", "real", "real_error", "real_count")
    )
    fewer = real is not None and real_count is not None and samples is not None and real_count < samples
    return EvaluationRow(
        name=str(entry.get("name")),
        value=figure_with_error(value, error),
        real=figure_with_error(real, real_error),
        real_of=f"of {count(real_count)}" if fewer and real_count is not None else "",
        better=better(entry.get("higher_is_better")),
    )


def _measured_on(samples: float | None, seen: float | None, unit: str) -> str:
    drawn = "Samples" if samples is None else f"{count(samples)} samples"
    when = "" if not seen else f" of the generator after {count(seen)} {unit} seen"
    return f"{drawn}{when}. Behind \u00b1 stands one standard error."


def _picture(folder: Path, name: str) -> Frame | None:
    path = folder / f"{name}.png"
    return embedded(path, "") if path.is_file() else None
