"""What a comparison measured, before it becomes a page."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from twoplayer.comparison.load_runs import MeasuredRun
from twoplayer.comparison.parts import ComparisonPart, tally_text
from twoplayer.comparison.table import ComparisonTable
from twoplayer.comparison.table_formats import as_text, long_rows, run_rows

__all__ = ["ComparisonResult"]


@dataclass(frozen=True)
class ComparisonResult:
    """Runs side by side: a part for each data set, since runs on different data are never ranked together."""

    parts: tuple[ComparisonPart, ...]
    runs: tuple[MeasuredRun, ...]
    problems: tuple[str, ...]
    """Runs that were left out, and why."""
    command: str
    """What to type to do it again."""
    folder: Path
    """Where its page belongs."""

    @property
    def tables(self) -> tuple[ComparisonTable, ...]:
        return tuple(part.table for part in self.parts)

    def __str__(self) -> str:
        told = [text for part in self.parts for text in (as_text(part.table), tally_text(part)) if text]
        return "\n\n".join([*told, *(["\n".join(f"left out: {p}" for p in self.problems)] if self.problems else [])])

    def document(self) -> dict[str, Any]:
        """The comparison as plain values, as ``--json`` prints it."""
        return {
            "rows": long_rows(self.tables),
            "runs": run_rows(self.tables),
            "architectures": [{"first": p.pair[0], "second": p.pair[1], **asdict(t)}
                              for p in self.parts if p.pair for t in p.tallies],
            "notes": [note for table in self.tables for note in table.notes],
            "left_out": list(self.problems),
            "command": self.command,
        }  # fmt: skip
