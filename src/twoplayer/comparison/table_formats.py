"""The table as text, Markdown, CSV, Parquet and LaTeX."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from twoplayer.comparison.table import ComparisonCell, ComparisonRow, ComparisonTable, MetricColumn
from twoplayer.core.files import write_atomic
from twoplayer.core.number_format import format_number

__all__ = ["FILES", "as_text", "cell_text", "latex", "long_rows", "markdown", "run_rows", "write_tables"]

FILES = ("table.csv", "runs.csv", "table.parquet", "table.tex", "table.md")
"""The files of `write_tables`."""
PRINTED_COLUMNS = 4
"""Metrics in the table for a terminal; the files have all."""
LEGEND = (
    "mean [95 % bootstrap interval] (mean rank); * the best, = not significantly different from it in a paired "
    "permutation test, ? not tested, or with too few runs for a significant difference"
)


def write_tables(tables: Sequence[ComparisonTable], folder: Path) -> list[Path]:
    """Write ``table`` as .csv, .parquet, .tex and .md with all rows and metrics, and ``runs.csv`` with all runs."""
    import pyarrow as pa
    from pyarrow import parquet

    rows, runs = long_rows(tables), run_rows(tables)
    buffer = pa.BufferOutputStream()
    parquet.write_table(pa.Table.from_pylist(rows), buffer)
    contents: list[bytes | str] = [
        _csv(rows),
        _csv(runs),
        buffer.getvalue().to_pybytes(),
        "\n".join(latex(table) for table in tables),
        "\n".join(markdown(table) for table in tables),
    ]
    for name, content in zip(FILES, contents, strict=True):
        write_atomic(folder / name, content)
    return [folder / name for name in FILES]


def long_rows(tables: Sequence[ComparisonTable]) -> list[dict[str, Any]]:
    """A record for each row and metric, with the statistics."""
    return [
        {
            "data": table.data,
            "label": row.label,
            "method": row.runs[0].config.method,
            "metric": column.name,
            "higher_is_better": column.higher_is_better,
            "runs": len(row.runs),
            "finished": row.finished_count,
            "mean": cell.mean,
            "low": cell.low,
            "high": cell.high,
            "rank": cell.rank,
            "p": cell.p,
            "pairs": cell.pairs,
            "best": cell.best,
            "tied": cell.tied,
            "untested": cell.untested,
            "real": column.real,
        }
        for table in tables
        for row in table.rows
        for column in table.columns
        if (cell := table.cell(row, column)) is not None
    ]


def run_rows(tables: Sequence[ComparisonTable]) -> list[dict[str, Any]]:
    """A record for each run and metric."""
    return [
        {
            "data": table.data,
            "label": row.label,
            "method": run.config.method,
            "replicate": run.replicate,
            "seed": run.config.seed,
            "state": run.state,
            "steps": run.step,
            "images_seen": run.images_seen,
            "seconds": run.seconds,
            "metric": column.name,
            "value": None if score is None else score.value,
            "error": None if score is None else score.error,
            "threads": run.environment.get("threads"),
            "device": run.environment.get("device"),
            "path": str(run.path),
        }
        for table in tables
        for row in table.rows
        for run in row.runs
        for column in table.columns
        for score in [run.scores.get(column.name)]
    ]


def _csv(rows: Sequence[dict[str, Any]]) -> str:
    text = io.StringIO()
    if rows:
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return text.getvalue()


# ---------------------------------------------------------------------- for people


def cell_text(cell: ComparisonCell | None) -> str:
    """``3.21 [3.05, 3.4] (1.3) =``."""
    if cell is None:
        return "–"
    between = "" if cell.low is None else f" [{format_number(cell.low)}, {format_number(cell.high)}]"
    mark = " *" if cell.best else " =" if cell.tied else " ?" if cell.untested else ""
    return f"{format_number(cell.mean)}{between} ({cell.rank:.2g}){mark}"


def as_text(table: ComparisonTable) -> str:
    """The table for a terminal, with its first metrics."""
    columns = table.columns[:PRINTED_COLUMNS]
    rows = [["", *(c.name for c in columns), "runs"], ["", *(_direction(c) for c in columns), ""]]
    rows += [[row.label, *(cell_text(table.cell(row, c)) for c in columns), _runs(row)] for row in table.rows]
    rows.append(["held-out real data", *(format_number(c.real) for c in columns), ""])
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]
    hidden = len(table.columns) - PRINTED_COLUMNS
    more = [f"and {hidden} more metrics in the files"] if hidden > 0 else []
    return "\n".join([f"{table.data}:", *(f"  {line}" for line in [*lines, LEGEND, *more, *table.notes])])


def markdown(table: ComparisonTable) -> str:
    """The whole table in Markdown."""
    head = ["runs", "steps", f"{table.kind} seen", "threads"]
    rows = [["", *(c.name for c in table.columns), *head], ["---", *["---:"] * (len(table.columns) + len(head))]]
    rows += [
        [row.label, *(cell_text(table.cell(row, c)) for c in table.columns), *_training(row)] for row in table.rows
    ]
    rows.append(["held-out real data", *(format_number(c.real) for c in table.columns), *[""] * len(head)])
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join([f"# {table.data}", "", *lines, "", LEGEND + ".", "", *(f"- {note}" for note in table.notes), ""])


def latex(table: ComparisonTable) -> str:
    """The whole table in LaTeX for the package booktabs: the best in bold, ties with it underlined."""
    head = " & ".join(["", *(f"{_latex_text(c.name)} {_latex_arrow(c)}" for c in table.columns), "runs"])
    lines = [
        f"{_latex_text(row.label)} & {' & '.join(_latex_cells(table, row))} & {_latex_text(_runs(row))} \\\\"
        for row in table.rows
    ]
    real = " & ".join(["held-out real data", *(_latex_number(c.real) for c in table.columns), ""])
    notes = [f"% {note}" for note in table.notes]
    return "\n".join(
        [f"% {table.data}: means over runs, 95 % bootstrap intervals", *notes,
         f"\\begin{{tabular}}{{l{'r' * len(table.columns)}r}}", "\\toprule", head + " \\\\", "\\midrule", *lines,
         "\\midrule", real + " \\\\", "\\bottomrule", "\\end{tabular}", ""]
    )  # fmt: skip


def _latex_cells(table: ComparisonTable, row: ComparisonRow) -> list[str]:
    return [_latex_cell(table.cell(row, column)) for column in table.columns]


def _latex_cell(cell: ComparisonCell | None) -> str:
    if cell is None:
        return "--"
    mean = _latex_number(cell.mean)
    marked = f"\\textbf{{{mean}}}" if cell.best else f"\\underline{{{mean}}}" if cell.tied else mean
    return marked if cell.low is None else f"{marked} [{_latex_number(cell.low)}, {_latex_number(cell.high)}]"


def _latex_number(value: float | None) -> str:
    text = format_number(value)
    return {"–": "--", "∞": "$\\infty$", "−∞": "$-\\infty$"}.get(text, text.replace("−", "$-$").replace(",", "{,}"))


def _latex_text(text: str) -> str:
    for character in "&%$#_{}":
        text = text.replace(character, f"\\{character}")
    return text


def _latex_arrow(column: MetricColumn) -> str:
    return "" if column.higher_is_better is None else "$\\uparrow$" if column.higher_is_better else "$\\downarrow$"


def _direction(column: MetricColumn) -> str:
    return column.direction.removesuffix(" is better")


def _training(row: ComparisonRow) -> list[str]:
    """Number of runs, mean steps and images seen, and threads."""
    count = len(row.runs)
    steps, seen = sum(r.step for r in row.runs) / count, sum(r.images_seen for r in row.runs) / count
    threads = sorted({str(r.environment.get("threads", "–")) for r in row.runs})
    return [_runs(row), f"{steps:,.0f}", f"{seen:,.0f}", ", ".join(threads)]


def _runs(row: ComparisonRow) -> str:
    return f"{row.finished_count} of {len(row.runs)}" if row.failures else str(len(row.runs))
