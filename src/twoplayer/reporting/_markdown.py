"""The report as Markdown, for what is read as text: figures and settings in tables, pictures by their paths."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from twoplayer.reporting import _formatting as words
from twoplayer.reporting._diagnosis import DiagnosisSection, FindingRow, diagnosed
from twoplayer.reporting._evaluation import evaluation
from twoplayer.reporting._frames import FRAMES as MOST
from twoplayer.reporting._frames import chosen
from twoplayer.reporting._record import RunRecord
from twoplayer.reporting._tables import environment_rows, figure_rows, setting_groups

__all__ = ["markdown"]

FRAMES = 5
"""Pictures of samples on the way."""
SHEETS = (
    ("neighbours", "Generated images, each beside its nearest training images"),
    ("neighbours_held_out", "Held-out images, each beside its nearest training images"),
    ("interpolations", "Samples along paths through the latent space"),
)


def markdown(record: RunRecord, folder: Path) -> str:
    """The run as Markdown; pictures are named relative to `folder`, where the file is to lie."""
    method, data = words.title(record)
    parts = [
        f"# {method} on {data}",
        words.status_sentence(record),
        words.data_sentence(record),
        *_message(record),
        *_pictures(record, folder),
        *_figures(record),
        *(f"{note}" for note in record.notes),
        *_evaluation(record, folder),
        *_diagnosis(diagnosed(record.path, record.status), folder),
        *_command(record),
        *_settings(record),
        "## Environment",
        _table(("what", "value"), environment_rows(record.environment)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _message(record: RunRecord) -> Iterable[str]:
    message = record.status.get("message")
    return [f"> {message}"] if message else []


def _pictures(record: RunRecord, folder: Path) -> Iterable[str]:
    shown = [("Newest samples", record.samples[-1].path)] if record.samples else []
    shown += [("Real data", record.real_samples)] if record.real_samples else []
    yield from (_picture(title, path, folder) for title, path in shown)
    if earlier := chosen(record.samples, FRAMES + 1)[:-1]:
        yield "## How it got there"
        if len(earlier) < len(record.samples) - 1:
            told, place = f"{len(earlier)} of {len(record.samples) - 1} pictures", record.samples[0].path.parent
            yield f"{told}; all of them lie in `{place}`, and the HTML report shows up to {MOST}."
        unit = words.seen_unit(record)
        yield from (_picture(f"Samples after {words.reached(s, unit)}", s.path, folder) for s in earlier)


def _figures(record: RunRecord) -> Iterable[str]:
    rows = [(r.name, r.newest, r.best, r.best_at, r.real, r.better) for r in figure_rows(record)]
    if not rows:
        return []
    head = ("figure", "newest", "best", f"best at {words.seen_unit(record)}", "real data", "better")
    return ["## Figures", _table(head, rows)]


def _evaluation(record: RunRecord, folder: Path) -> Iterable[str]:
    found = evaluation(record.evaluation, words.seen_unit(record))
    if found is None:
        if command := words.evaluate_command(record):
            yield f"Nearest neighbours, paths through the latent space and figures with their errors: `{command}`"
        return
    yield "## Evaluation"
    yield found.measured_on
    if found.rows:
        rows = [(r.name, r.value, f"{r.real} {r.real_of}".strip(), r.better) for r in found.rows]
        yield _table(("figure", "generated", "real data", "better"), rows)
    yield from found.notes
    sheets = ((title, record.evaluation / f"{name}.png") for name, title in SHEETS)
    yield from (_picture(title, path, folder) for title, path in sheets if path.is_file())


def _diagnosis(found: DiagnosisSection | None, folder: Path) -> Iterable[str]:
    if found is None:
        return
    yield "## Diagnosis"
    if not found.looked:
        yield f"Nobody has looked for what is wrong with it yet: `{found.command}`"
    elif found.stale:
        yield f"{found.stale} `{found.command}`"
    if found.looked and not found.findings:
        yield "Nothing was found."
    for disease in found.findings:
        yield from _finding(disease, folder)
    if found.healthy:
        yield f"Checked and healthy: {', '.join(found.healthy)}."
    yield from (f"Not checked: {name} ({reason})." for name, reason in found.unchecked)
    if found.warnings:
        yield "Said while it trained:"
        yield "\n".join(f"- {warning}" for warning in found.warnings)


def _finding(found: FindingRow, folder: Path) -> Iterable[str]:
    yield f"### {found.title}"
    yield f"{found.disease}, confidence {found.confidence}"
    yield found.verdict
    yield _table(("evidence", "here", "sick", "healthy"), [(s.name, s.value, s.sick, s.healthy) for s in found.signs])
    if found.path is not None:
        yield _picture(f"What shows {found.disease}", found.path, folder)
    if found.as_for:
        yield f"Try next what {found.as_for} asks for."
        return
    yield f"Try next, since {found.advice}:"
    yield f"    {found.command}"


def _command(record: RunRecord) -> Iterable[str]:
    command = record.environment.get("command")
    return ["## Train this again", f"    {command}"] if command else []


def _settings(record: RunRecord) -> Iterable[str]:
    yield "## Settings"
    for group in setting_groups(record.config):
        yield _table((group.title or "setting", "value"), group.rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return str(text).replace("|", "\\|").replace("\n", " ")


def _picture(title: str, path: Path, folder: Path) -> str:
    relative = Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()
    return f"![{title}]({relative.replace(' ', '%20')})"
