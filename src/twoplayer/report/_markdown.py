"""The report as Markdown, for what is read as text: figures and settings in tables, pictures by their paths."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from twoplayer.report import _words as words
from twoplayer.report._record import Record
from twoplayer.report._tables import environment_rows, figure_rows, setting_groups

__all__ = ["markdown"]


def markdown(record: Record, folder: Path) -> str:
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
        *_command(record),
        *_settings(record),
        "## Environment",
        _table(("what", "value"), environment_rows(record.environment)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _message(record: Record) -> Iterable[str]:
    message = record.status.get("message")
    return [f"> {message}"] if message else []


def _pictures(record: Record, folder: Path) -> Iterable[str]:
    shown = [("Newest samples", record.samples[-1].path)] if record.samples else []
    shown += [("Real data", record.real_samples)] if record.real_samples else []
    return [f"![{title}]({_link(path, folder)})" for title, path in shown]


def _figures(record: Record) -> Iterable[str]:
    rows = [(r.name, r.newest, r.best, r.best_at, r.real, r.better) for r in figure_rows(record)]
    if not rows:
        return []
    head = ("figure", "newest", "best", f"best at {words.seen_unit(record)}", "real data", "better")
    return ["## Figures", _table(head, rows)]


def _command(record: Record) -> Iterable[str]:
    command = record.environment.get("command")
    return ["## Train this again", f"    {command}"] if command else []


def _settings(record: Record) -> Iterable[str]:
    yield "## Settings"
    for group in setting_groups(record.config):
        yield _table((group.title or "setting", "value"), group.rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return str(text).replace("|", "\\|").replace("\n", " ")


def _link(path: Path, folder: Path) -> str:
    return Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix().replace(" ", "%20")
