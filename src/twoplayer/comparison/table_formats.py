"""The table as text, Markdown, CSV, Parquet and LaTeX."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from twoplayer.comparison.table import ComparisonCell, ComparisonRow, ComparisonTable, MetricColumn
from twoplayer.core.files import write_atomic

__all__ = ["FILES", "as_text", "cell_text", "latex", "long_rows", "markdown", "number", "run_rows", "write_tables"]

FILES = ("table.csv", "runs.csv", "table.parquet", "table.tex", "table.md")
"""What `write_tables` writes."""
SHOWN = 4
"""Figures that are printed; all are written."""
LEGEND = (
    "mean [95 % bootstrap interval] (mean rank); * the best, = not told apart from it by a paired permutation test, "
    "? not tested, or by too few runs to tell anything apart"
)


def write_tables(tables: Sequence[ComparisonTable], folder: Path) -> list[Path]:
    """``table`` as .csv, .parquet, .tex and .md, with every row and figure, and ``runs.csv`` with every run."""
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
    """A record for each row and figure, with the statistics."""
    return [
        {
            "data": table.data,
            "label": row.label,
            "method": row.runs[0].config.method,
            "figure": column.name,
            "higher_is_better": column.higher_is_better,
            "runs": len(row.runs),
            "finished": row.good,
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
    """A record for each run and figure."""
    return [
        {
            "data": table.data,
            "label": row.label,
            "method": run.config.method,
            "replicate": run.replicate,
            "seed": run.config.seed,
            "state": run.state,
            "rounds": run.step,
            "images_seen": run.images_seen,
            "seconds": run.seconds,
            "figure": column.name,
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


def number(value: float | None) -> str:
    """Four significant digits; a dash for nothing.

    >>> number(0.693147), number(12345.6), number(float("inf")), number(None)
    ('0.6931', '12,346', '∞', '–')
    """
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    text = f"{value:,.0f}" if abs(value) >= 1e4 else f"{value:.4g}"
    return text.replace("-", "−")


def cell_text(cell: ComparisonCell | None) -> str:
    """``3.21 [3.05, 3.4] (1.3) =``."""
    if cell is None:
        return "–"
    between = "" if cell.low is None else f" [{number(cell.low)}, {number(cell.high)}]"
    mark = " *" if cell.best else " =" if cell.tied else " ?" if cell.untested else ""
    return f"{number(cell.mean)}{between} ({cell.rank:.2g}){mark}"


def as_text(table: ComparisonTable) -> str:
    """The table for a terminal, with its leading figures."""
    columns = table.columns[:SHOWN]
    rows = [["", *(c.name for c in columns), "runs"], ["", *(_arrow(c) for c in columns), ""]]
    rows += [[row.label, *(cell_text(table.cell(row, c)) for c in columns), _runs(row)] for row in table.rows]
    rows.append(["held-out real data", *(number(c.real) for c in columns), ""])
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]
    more = [f"and {len(table.columns) - SHOWN} more figures in the files"] if len(table.columns) > SHOWN else []
    return "\n".join([f"{table.data}:", *(f"  {line}" for line in [*lines, LEGEND, *more, *table.notes])])


def markdown(table: ComparisonTable) -> str:
    """The whole table in Markdown."""
    work = ["runs", "rounds", f"{table.kind} seen", "threads"]
    rows = [["", *(c.name for c in table.columns), *work], ["---", *["---:"] * (len(table.columns) + len(work))]]
    rows += [[row.label, *(cell_text(table.cell(row, c)) for c in table.columns), *_work(row)] for row in table.rows]
    rows.append(["held-out real data", *(number(c.real) for c in table.columns), *[""] * len(work)])
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join([f"# {table.data}", "", *lines, "", LEGEND + ".", "", *(f"- {note}" for note in table.notes), ""])


def latex(table: ComparisonTable) -> str:
    """The whole table in LaTeX, for the package booktabs: the best in bold, what is tied with it underlined."""
    head = " & ".join(["", *(f"{_escaped(c.name)} {_direction(c)}" for c in table.columns), "runs"])
    lines = [
        f"{_escaped(row.label)} & {' & '.join(_latex_cells(table, row))} & {_escaped(_runs(row))} \\\\"
        for row in table.rows
    ]
    real = " & ".join(["held-out real data", *(_plain(c.real) for c in table.columns), ""])
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
    mean = _plain(cell.mean)
    marked = f"\\textbf{{{mean}}}" if cell.best else f"\\underline{{{mean}}}" if cell.tied else mean
    return marked if cell.low is None else f"{marked} [{_plain(cell.low)}, {_plain(cell.high)}]"


def _plain(value: float | None) -> str:
    text = number(value)
    return {"–": "--", "∞": "$\\infty$", "−∞": "$-\\infty$"}.get(text, text.replace("−", "$-$").replace(",", "{,}"))


def _escaped(text: str) -> str:
    for sign in "&%$#_{}":
        text = text.replace(sign, f"\\{sign}")
    return text


def _direction(column: MetricColumn) -> str:
    return "" if column.higher_is_better is None else "$\\uparrow$" if column.higher_is_better else "$\\downarrow$"


def _arrow(column: MetricColumn) -> str:
    return column.better.removesuffix(" is better")


def _work(row: ComparisonRow) -> list[str]:
    """What its runs did, on average."""
    count = len(row.runs)
    rounds, seen = sum(r.step for r in row.runs) / count, sum(r.images_seen for r in row.runs) / count
    threads = sorted({str(r.environment.get("threads", "–")) for r in row.runs})
    return [_runs(row), f"{rounds:,.0f}", f"{seen:,.0f}", ", ".join(threads)]


def _runs(row: ComparisonRow) -> str:
    return f"{row.good} of {len(row.runs)}" if row.failures else str(len(row.runs))
