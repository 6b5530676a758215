"""The data of a comparison: tables, runs, and the runs left out."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from twoplayer.comparison.load_runs import MeasuredRun
from twoplayer.comparison.parts import ComparisonPart, success_table
from twoplayer.comparison.table import ComparisonTable
from twoplayer.comparison.table_formats import as_text, long_rows, run_rows

__all__ = ["ComparisonResult"]


@dataclass(frozen=True)
class ComparisonResult:
    """Compared runs, in a part for each data set: runs on different data are not ranked together."""

    parts: tuple[ComparisonPart, ...]
    runs: tuple[MeasuredRun, ...]
    problems: tuple[str, ...]
    """A sentence for each run that was left out."""
    command: str
    """The command that repeats the comparison."""
    folder: Path
    """The default folder of the page."""

    @property
    def tables(self) -> tuple[ComparisonTable, ...]:
        return tuple(part.table for part in self.parts)

    def __str__(self) -> str:
        tables = [text for part in self.parts for text in (as_text(part.table), success_table(part)) if text]
        left_out = "\n".join(f"left out: {problem}" for problem in self.problems)
        return "\n\n".join([*tables, *([left_out] if left_out else [])])

    def document(self) -> dict[str, Any]:
        """The comparison as plain values, as ``--json`` prints it."""
        return {
            "rows": long_rows(self.tables),
            "runs": run_rows(self.tables),
            "architectures": [{"first": p.pair[0], "second": p.pair[1], **asdict(c)}
                              for p in self.parts if p.pair for c in p.success_counts],
            "notes": [note for table in self.tables for note in table.notes],
            "left_out": list(self.problems),
            "command": self.command,
        }  # fmt: skip
