"""The report as Markdown: metrics and settings in tables, pictures by their paths."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from twoplayer.reporting import _formatting as formatting
from twoplayer.reporting._diagnosis import DiagnosisSection, FindingRow, diagnosis_section
from twoplayer.reporting._evaluation import evaluation_section
from twoplayer.reporting._pictures import MAX_PICTURES, selected
from twoplayer.reporting._record import RunRecord
from twoplayer.reporting._tables import environment_rows, metric_rows, setting_groups

__all__ = ["markdown"]

MAX_EARLIER_PICTURES = 5
"""Pictures of samples drawn during training."""
EVALUATION_PICTURES = (
    ("neighbours", "Generated images, each beside its nearest training images"),
    ("neighbours_held_out", "Held-out images, each beside its nearest training images"),
    ("interpolations", "Samples along paths through the latent space"),
)
"""File names and titles."""


def markdown(record: RunRecord, folder: Path) -> str:
    """The report of a run as Markdown.

    Args:
        record: the run.
        folder: where the file is to be written; paths of pictures are relative to it.
    """
    method, data = formatting.title(record)
    message, command = record.status.get("message"), record.environment.get("command")
    parts = [
        f"# {method} on {data}",
        formatting.status_sentence(record),
        formatting.data_sentence(record),
        f"> {message}" if message else "",
        *_pictures(record, folder),
        *_metrics(record),
        *record.notes,
        *_evaluation(record, folder),
        *_diagnosis(diagnosis_section(record.path, record.status), folder),
        *(["## Command", f"    {command}"] if command else []),
        "## Settings",
        *(_table((group.title or "setting", "value"), group.rows) for group in setting_groups(record.config)),
        "## Environment",
        _table(("name", "value"), environment_rows(record.environment)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _pictures(record: RunRecord, folder: Path) -> Iterable[str]:
    pictures = [("Newest samples", record.samples[-1].path)] if record.samples else []
    pictures += [("Real data", record.real_samples)] if record.real_samples else []
    yield from (_picture(title, path, folder) for title, path in pictures)
    if earlier := selected(record.samples, MAX_EARLIER_PICTURES + 1)[:-1]:
        yield "## Samples during training"
        count, total = len(earlier), len(record.samples) - 1
        if count < total:
            place = record.samples[0].path.parent
            yield f"{count} of {total} pictures in `{place}`; the HTML report shows up to {MAX_PICTURES}."
        unit = formatting.seen_unit(record)
        for samples in earlier:
            yield _picture(f"Samples after {formatting.training_progress(samples, unit)}", samples.path, folder)


def _metrics(record: RunRecord) -> Iterable[str]:
    rows = [(r.name, r.newest, r.best, r.best_at, r.real, r.better) for r in metric_rows(record)]
    if not rows:
        return []
    head = ("metric", "newest", "best", f"best at {formatting.seen_unit(record)}", "real data", "better")
    return ["## Metrics", _table(head, rows)]


def _evaluation(record: RunRecord, folder: Path) -> Iterable[str]:
    section = evaluation_section(record.evaluation, formatting.seen_unit(record))
    if section is None:
        if command := formatting.evaluate_command(record):
            yield f"Nearest neighbours, paths through the latent space and metrics with standard errors: `{command}`"
        return
    yield "## Evaluation"
    yield section.measured_on
    if section.rows:
        rows = [(r.name, r.value, f"{r.real} {r.real_count}".strip(), r.better) for r in section.rows]
        yield _table(("metric", "generated", "real data", "better"), rows)
    yield from section.notes
    pictures = ((title, record.evaluation / f"{name}.png") for name, title in EVALUATION_PICTURES)
    yield from (_picture(title, path, folder) for title, path in pictures if path.is_file())


def _diagnosis(section: DiagnosisSection | None, folder: Path) -> Iterable[str]:
    if section is None:
        return
    yield "## Diagnosis"
    if not section.diagnosed:
        yield f"Not diagnosed yet: `{section.command}`"
    elif section.outdated:
        yield f"{section.outdated} `{section.command}`"
    if section.diagnosed and not section.findings:
        yield "No failure mode found."
    for finding in section.findings:
        yield from _finding(finding, folder)
    if section.ruled_out:
        yield f"Checked and not present: {', '.join(section.ruled_out)}."
    yield from (f"Not checked: {name} ({reason})." for name, reason in section.unchecked)
    if section.warnings:
        yield "Warnings during training:"
        yield "\n".join(f"- {warning}" for warning in section.warnings)


def _finding(finding: FindingRow, folder: Path) -> Iterable[str]:
    yield f"### {finding.title}"
    yield f"{finding.failure_mode}, confidence {finding.confidence}"
    yield finding.verdict
    rows = [(i.name, i.value, i.criterion, i.normal_range) for i in finding.indicators]
    yield _table(("indicator", "this run", "failing", "normal"), rows)
    if finding.path is not None:
        yield _picture(f"Evidence of {finding.failure_mode}", finding.path, folder)
    if finding.same_advice_as:
        yield f"Try next the command of {finding.same_advice_as}."
        return
    yield f"Try next, since {finding.advice}:"
    yield f"    {finding.command}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return str(text).replace("|", "\\|").replace("\n", " ")


def _picture(title: str, path: Path, folder: Path) -> str:
    relative = Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()
    return f"![{title}]({relative.replace(' ', '%20')})"
