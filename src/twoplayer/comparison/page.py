"""The page of a comparison: one self-contained HTML file, or Markdown with its pictures beside it."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from markupsafe import Markup

from twoplayer.comparison.parts import ComparisonPart, success_table
from twoplayer.comparison.result import ComparisonResult
from twoplayer.comparison.sample_panels import SamplePanel
from twoplayer.comparison.settings_table import environment_rows, run_diagnoses, settings_table
from twoplayer.comparison.table_formats import LEGEND, markdown
from twoplayer.core.files import write_atomic
from twoplayer.core.number_format import format_number
from twoplayer.core.version import __version__
from twoplayer.pages.plot_style import house_style, svg
from twoplayer.pages.templates import resource, template
from twoplayer.sampling.image_grid import png_bytes

__all__ = ["html_page", "markdown_pages"]

MAX_TITLE_METHODS = 4
"""Methods up to which the title lists all of them."""


class PanelGroup(NamedTuple):
    """Pictures of one kind, with an explanation."""

    title: str
    explanation: str
    panels: Sequence[SamplePanel]


def html_page(comparison: ComparisonResult) -> str:
    """The whole comparison as HTML that loads nothing from outside."""
    style = Markup("\n").join(
        [resource("twoplayer.lab", "lab.css"), resource("twoplayer.comparison", "comparison.css")]
    )
    contents = {
        "title": _title(comparison),
        "statement": _statement(comparison),
        "parts": [_html_part(part) for part in comparison.parts],
        "problems": comparison.problems,
        "runs": comparison.runs,
        "command": comparison.command,
        "environment": environment_rows(comparison.runs),
        "diagnoses": run_diagnoses(comparison.runs),
        "legend": f"Means over runs with 95 % bootstrap intervals and mean ranks; {LEGEND.partition('; ')[2]}.",
        "format_number": format_number,
        "version": __version__,
        "style": style,
    }
    if any(part.panels.over_time for part in comparison.parts):
        contents["script"] = resource("twoplayer.comparison", "script.js")
    return template("twoplayer.comparison", "comparison.html").render(contents)


def _html_part(part: ComparisonPart) -> dict[str, Any]:
    with house_style():
        plots = [
            {"title": p.title, "caption": p.caption, "narrow": p.narrow, "uri": _uri(svg(p.figure), "svg+xml")}
            for p in part.plots
        ]
    groups = [
        {"title": group.title, "explanation": group.explanation, "panels": [_html_panel(p) for p in group.panels]}
        for group in _panel_groups(part)
        if group.panels
    ]
    return {
        "table": part.table, "caption": part.caption, "plots": plots, "panel_groups": groups, "pair": part.pair,
        "success_counts": part.success_counts, "success_column": part.success_column,
        "over_time": part.panels.over_time, "settings": settings_table(part.table),
    }  # fmt: skip


def _panel_groups(part: ComparisonPart) -> list[PanelGroup]:
    panels, path = part.panels, "row of pictures" if part.table.kind == "images" else "curve"
    return [
        PanelGroup(
            "Samples",
            "Samples are not selected. Rows whose latents have the same dimension and distribution have equal latents.",
            panels.samples,
        ),
        PanelGroup(
            "Latent paths",
            f"Each {path} is a path between two random latents in equal steps. An abrupt change marks the border of a "
            "mode.",
            panels.paths,
        ),
        PanelGroup(
            "Nearest neighbours",
            "Each row shows a generated image, of those nearest to training images, and the training images nearest to "
            "it, with their distances.",
            panels.neighbours,
        ),
    ]


def _html_panel(panel: SamplePanel) -> dict[str, Any]:
    uri, (width, height) = _uri(png_bytes(panel.picture), "png"), panel.picture.size
    return {"label": panel.label, "caption": panel.caption, "uri": uri, "width": width, "height": height}


def _uri(data: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def _title(comparison: ComparisonResult) -> str:
    methods = list(dict.fromkeys(run.config.method for run in comparison.runs))
    data = list(dict.fromkeys(part.table.data for part in comparison.parts))
    if len(methods) == 1:
        listed = methods[0]
    elif len(methods) <= MAX_TITLE_METHODS:
        listed = f"{', '.join(methods[:-1])} and {methods[-1]}"
    else:
        listed = f"{len(methods)} methods"
    return f"{listed} on {' and '.join(data)}"


def _statement(comparison: ComparisonResult) -> str:
    """The result in words, for each part."""
    sentences = ((part, sentence) for part in comparison.parts if (sentence := _part_statement(part)))
    if len(comparison.parts) > 1:
        return " ".join(f"On {part.table.data} {sentence}" for part, sentence in sentences)
    return " ".join(sentence for _, sentence in sentences)


def _part_statement(part: ComparisonPart) -> str:
    """The best row by the first metric, and which differences are significant; empty without metrics."""
    column = part.table.ranking_column
    if column is None:
        return ""
    cells = {row.label: row.cells[column.name] for row in part.table.rows if column.name in row.cells}
    best = next(label for label, cell in cells.items() if cell.best)
    if len(part.table.rows) == 1:
        return f"{best} reaches a mean {column.name} of {format_number(cells[best].mean)}."
    first = f"{best} has the best mean {column.name}, {format_number(cells[best].mean)}"
    if part.table.max_runs == 1:
        return f"{first}, in one run each."
    tied = ", ".join(label for label, cell in cells.items() if cell.tied)
    untested = ", ".join(label for label, cell in cells.items() if cell.untested and not cell.underpowered)
    pairs = max((cell.pairs for cell in cells.values() if cell.underpowered), default=0)
    clauses = [f"the difference from {tied} is not significant"] if tied else []
    clauses += [f"{pairs} paired runs are too few for a significant difference"] if pairs else []
    clauses += [f"{untested} could not be tested"] if untested else []
    if any(not (cell.best or cell.tied or cell.untested) for cell in cells.values()):
        clauses.append(
            f"the difference from {'the others' if tied or untested or pairs else 'all others'} is significant"
        )
    return "; ".join([first, *clauses]) + "."


# ---------------------------------------------------------------------- Markdown


def markdown_pages(comparison: ComparisonResult, folder: Path) -> Path:
    """Write ``comparison.md`` into `folder`, and its pictures into ``pictures`` beside it; return its path."""
    lines = [f"# {_title(comparison)}", "", _statement(comparison), ""]
    for index, part in enumerate(comparison.parts, start=1):
        lines += [markdown(part.table), success_table(part)]
        with house_style():
            pictures = [(p.title, p.caption, f"{index}-{i}.svg", svg(p.figure))
                        for i, p in enumerate(part.plots, start=1)]  # fmt: skip
        for group in _panel_groups(part):
            slug = group.title.lower().replace(" ", "-")
            pictures += [(f"{group.title}: {p.label}", p.caption, f"{index}-{slug}-{i}.png", png_bytes(p.picture))
                         for i, p in enumerate(group.panels, start=1)]  # fmt: skip
        for title, caption, name, data in pictures:
            write_atomic(folder / "pictures" / name, data)
            lines += [f"## {title}", "", f"![{title}](pictures/{name})", "", caption, ""]
    lines += ["## Runs left out", "", *(f"- {p}" for p in comparison.problems), ""] if comparison.problems else []
    diagnoses = run_diagnoses(comparison.runs)
    lines += ["## Diagnosis", "", *(f"- {run}: {sentence}" for run, sentence in diagnoses.sentences)]
    lines += [f"- not diagnosed: `twoplayer diagnose {run}`" for run in diagnoses.undiagnosed]
    lines += ["", "## Environment", ""]
    lines += [*(f"- {name}: {value}" for name, value in environment_rows(comparison.runs)), ""]
    lines += ["## Command", "", f"    {comparison.command}", ""]
    write_atomic(folder / "comparison.md", "\n".join(lines))
    return folder / "comparison.md"
