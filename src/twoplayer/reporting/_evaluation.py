"""The evaluation in a run folder as the report shows it: metrics with their errors, neighbours, latent paths."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twoplayer.core.number_format import format_number
from twoplayer.evaluation.storage import read_evaluation
from twoplayer.reporting._formatting import better
from twoplayer.reporting._pictures import EmbeddedPicture, embedded
from twoplayer.reporting._record import number

__all__ = ["EvaluationRow", "EvaluationSection", "evaluation_section"]


@dataclass(frozen=True)
class EvaluationRow:
    """One metric as text: its value and that of real data, each with its standard error."""

    name: str
    value: str
    real: str
    real_count: str
    """The number of real samples, where it is smaller than that in the metric's name."""
    better: str


@dataclass(frozen=True)
class EvaluationSection:
    """A table of metrics, what they were measured on, and pictures; what does not exist is empty or None."""

    rows: list[EvaluationRow]
    measured_on: str
    notes: list[str]
    samples: str
    neighbours: EmbeddedPicture | None
    neighbours_held_out: EmbeddedPicture | None
    interpolations: EmbeddedPicture | None
    relative_distances: bool
    """Whether the distances below neighbours are multiples of a typical held-out image's distance."""


def evaluation_section(folder: Path, unit: str) -> EvaluationSection | None:
    """Read the folder ``evaluation`` of a run; None without an evaluation.

    Args:
        folder: the folder.
        unit: ``"images"`` or ``"points"``.

    Raises:
        UserError: if the evaluation is damaged.
    """
    document = read_evaluation(folder)
    if document is None:
        return None
    samples, seen = number(document.get("samples")), number(document.get("images_seen"))
    return EvaluationSection(
        rows=[_row(entry, samples) for entry in document["metric_values"]],
        measured_on=_measured_on(samples, seen, unit),
        notes=[str(note) for note in document.get("notes") or []],
        samples="all samples" if samples is None else f"{samples:,.0f} samples",
        neighbours=_picture(folder, "neighbours"),
        neighbours_held_out=_picture(folder, "neighbours_held_out"),
        interpolations=_picture(folder, "interpolations"),
        relative_distances=number(document.get("distance_unit")) is not None,
    )


def _row(entry: Mapping[str, Any], samples: float | None) -> EvaluationRow:
    value, error, real, real_error, real_count = (
        number(entry.get(key)) for key in ("value", "error", "real", "real_error", "real_count")
    )
    fewer = real is not None and real_count is not None and samples is not None and real_count < samples
    return EvaluationRow(
        name=str(entry.get("name")),
        value=format_number(value, error),
        real=format_number(real, real_error),
        real_count=f"of {real_count:,.0f}" if fewer and real_count is not None else "",
        better=better(entry.get("higher_is_better")),
    )


def _measured_on(samples: float | None, seen: float | None, unit: str) -> str:
    subject = "Samples" if samples is None else f"{samples:,.0f} samples"
    time = "" if not seen else f" of the generator after {seen:,.0f} {unit}"
    return f"Measured on {subject[:1].lower()}{subject[1:]}{time}, with standard errors after \u00b1."


def _picture(folder: Path, name: str) -> EmbeddedPicture | None:
    path = folder / f"{name}.png"
    return embedded(path, "") if path.is_file() else None
