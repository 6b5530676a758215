"""The page of a comparison: one self-contained HTML file, or Markdown with its pictures beside it."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from twoplayer import __version__
from twoplayer.compare.architectures import Tally
from twoplayer.compare.pictures import Drawing, Panel
from twoplayer.compare.table import Column, Table, budget_text
from twoplayer.compare.writing import LEGEND, markdown, number
from twoplayer.files import write_atomic
from twoplayer.lab._drawing import house_style, svg
from twoplayer.pages import resource, template
from twoplayer.pictures import png_bytes

if TYPE_CHECKING:
    from twoplayer.compare.comparison import Comparison

__all__ = ["Part", "html_page", "markdown_pages", "tally_text"]


@dataclass(frozen=True)
class Part:
    """What is shown of the runs on one data set."""

    table: Table
    drawings: Sequence[Drawing]
    panels: Sequence[Panel]
    pair: tuple[str, str] | None = None
    """The two methods of random architectures."""
    tallies: Sequence[Tally] = ()
    tally_column: Column | None = None

    @property
    def caption(self) -> str:
        budgets = {budget_text(run.budget) for row in self.table.rows for run in row.runs}
        each = f", {budgets.pop()} each" if len(budgets) == 1 else ""
        runs = "one run each" if self.table.repeats == 1 else f"means over up to {self.table.repeats} runs"
        return f"{self.table.data}{each}, {runs}"


def html_page(comparison: Comparison) -> str:
    """The whole comparison as HTML that loads nothing from elsewhere."""
    style = Markup("\n").join([resource("twoplayer.lab", "lab.css"), resource("twoplayer.compare", "compare.css")])
    contents = {
        "title": _title(comparison),
        "statement": _statement(comparison),
        "parts": [_html_part(part) for part in comparison.parts],
        "problems": comparison.problems,
        "runs": comparison.runs,
        "command": comparison.command,
        "machine": _machine(comparison),
        "legend": f"Means over runs with 95 % bootstrap intervals and mean ranks; {LEGEND.partition('; ')[2]}.",
        "number": number,
        "version": __version__,
        "style": style,
    }
    return template("twoplayer.compare", "comparison.html").render(contents)


def _html_part(part: Part) -> dict[str, Any]:
    with house_style():
        pictures = [
            {"title": d.title, "caption": d.caption, "narrow": d.narrow, "uri": _uri(svg(d.figure), "svg+xml")}
            for d in part.drawings
        ]
    panels = [
        {"label": p.label, "caption": p.caption, "uri": _uri(png_bytes(p.picture), "png"),
         "width": p.picture.width, "height": p.picture.height}
        for p in part.panels
    ]  # fmt: skip
    return {
        "table": part.table, "caption": part.caption, "pictures": pictures, "panels": panels, "pair": part.pair,
        "tallies": part.tallies, "tally_column": part.tally_column,
    }  # fmt: skip


def _uri(data: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def _title(comparison: Comparison) -> str:
    methods = list(dict.fromkeys(run.config.method for run in comparison.runs))
    data = list(dict.fromkeys(part.table.data for part in comparison.parts))
    told = f"{', '.join(methods[:-1])} and {methods[-1]}" if 1 < len(methods) <= 4 else f"{len(methods)} methods"
    return f"{methods[0] if len(methods) == 1 else told} on {' and '.join(data)}"


def _statement(comparison: Comparison) -> str:
    """What came out, in words computed from the tables."""
    said = []
    for part in comparison.parts:
        column = part.table.first
        if column is None:
            continue
        best = next((row for row in part.table.rows if (c := row.cells.get(column.name)) and c.best), None)
        if best is None:
            continue
        tied = [row.label for row in part.table.rows if (c := row.cells.get(column.name)) and c.tied]
        where = f"On {part.table.data} " if len(comparison.parts) > 1 else ""
        cell = best.cells[column.name]
        lead = f"{where}{best.label} has the best mean {column.name}, {number(cell.mean)}"
        if len(part.table.rows) == 1:
            said.append(f"{where}{best.label} reaches a mean {column.name} of {number(cell.mean)}.")
        elif cell.pairs < 2:
            said.append(f"{lead}, in one run each.")
        elif tied:
            said.append(f"{lead}; the test cannot tell {', '.join(tied)} from it.")
        else:
            said.append(f"{lead}, and the test tells all others from it.")
    return " ".join(said)


def _machine(comparison: Comparison) -> str:
    first = comparison.runs[0].environment
    names = ("processor", "cores", "threads", "device", "torch", "precision")
    return ", ".join(f"{name} {first[name]}" for name in names if name in first)


# ---------------------------------------------------------------------- Markdown


def markdown_pages(comparison: Comparison, folder: Path) -> Path:
    """``comparison.md`` in `folder`, its pictures in ``pictures`` beside it."""
    lines = [f"# {_title(comparison)}", "", _statement(comparison), ""]
    for number_of_part, part in enumerate(comparison.parts, start=1):
        lines += [markdown(part.table), tally_text(part)]
        with house_style():
            shown = [(d.title, d.caption, f"{number_of_part}-{i}.svg", svg(d.figure))
                     for i, d in enumerate(part.drawings, start=1)]  # fmt: skip
        shown += [(p.label, p.caption, f"{number_of_part}-samples-{i}.png", png_bytes(p.picture))
                  for i, p in enumerate(part.panels, start=1)]  # fmt: skip
        for title, caption, name, data in shown:
            write_atomic(folder / "pictures" / name, data)
            lines += [f"## {title}", "", f"![{title}](pictures/{name})", "", caption, ""]
    lines += ["## Left out", "", *(f"- {p}" for p in comparison.problems), ""] if comparison.problems else []
    lines += ["## Do it again", "", f"    {comparison.command}", "", _machine(comparison), ""]
    write_atomic(folder / "comparison.md", "\n".join(lines))
    return folder / "comparison.md"


def tally_text(part: Part) -> str:
    """The table of random architectures in Markdown; empty without them."""
    if part.pair is None or part.tally_column is None:
        return ""
    bound = "at least" if part.tally_column.higher_is_better else "at most"
    head = [f"{part.tally_column.name} {bound}", f"only {part.pair[0]}", f"only {part.pair[1]}", "both", "neither"]
    rows = [head, ["---:"] * 5]
    rows += [[number(t.threshold), *map(str, (t.only_first, t.only_second, t.both, t.neither))] for t in part.tallies]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows) + "\n"
