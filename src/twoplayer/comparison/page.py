"""The page of a comparison: one self-contained HTML file, or Markdown with its pictures beside it."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from twoplayer.comparison.parts import ComparisonPart, tally_text
from twoplayer.comparison.result import ComparisonResult
from twoplayer.comparison.sample_panels import SamplePanel, SamplePanels
from twoplayer.comparison.settings_table import health, machine, settings
from twoplayer.comparison.table_formats import LEGEND, markdown, number
from twoplayer.core.files import write_atomic
from twoplayer.core.version import __version__
from twoplayer.pages.plot_style import house_style, svg
from twoplayer.pages.templates import resource, template
from twoplayer.sampling.image_grid import png_bytes

__all__ = ["html_page", "markdown_pages"]


def html_page(comparison: ComparisonResult) -> str:
    """The whole comparison as HTML that loads nothing from elsewhere."""
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
        "machine": machine(comparison.runs),
        "health": health(comparison.runs),
        "legend": f"Means over runs with 95 % bootstrap intervals and mean ranks; {LEGEND.partition('; ')[2]}.",
        "number": number,
        "version": __version__,
        "style": style,
    }
    if any(part.sheets.growth for part in comparison.parts):
        contents["script"] = resource("twoplayer.comparison", "script.js")
    return template("twoplayer.comparison", "comparison.html").render(contents)


def _html_part(part: ComparisonPart) -> dict[str, Any]:
    with house_style():
        pictures = [
            {"title": d.title, "caption": d.caption, "narrow": d.narrow, "uri": _uri(svg(d.figure), "svg+xml")}
            for d in part.drawings
        ]
    seen = [
        {"title": title, "lead": lead, "shots": [_shot(panel) for panel in panels]}
        for title, lead, panels in _albums(part.sheets)
        if panels
    ]
    return {
        "table": part.table, "caption": part.caption, "pictures": pictures, "albums": seen, "pair": part.pair,
        "tallies": part.tallies, "tally_column": part.tally_column, "growth": part.sheets.growth,
        "settings": settings(part.table),
    }  # fmt: skip


def _albums(sheets: SamplePanels) -> list[tuple[str, str, Sequence[SamplePanel]]]:
    """Kinds of pictures, with what is to be said of each."""
    return [
        (
            "Samples",
            "Row by row from equal latents, wherever their dimensions and their distribution are equal; nothing is "
            "picked.",
            sheets.samples,
        ),
        (
            "Paths",
            "Each row of pictures leads from one random latent to another in equal steps. Samples that stay and then "
            "jump mark the border of a mode.",
            sheets.paths,
        ),
        (
            "Nearest neighbours",
            "Each row begins with the generated image that is nearest to training images, which follow; beneath them "
            "stand distances.",
            sheets.neighbours,
        ),
    ]


def _shot(panel: SamplePanel) -> dict[str, Any]:
    uri, (width, height) = _uri(png_bytes(panel.picture), "png"), panel.picture.size
    return {"label": panel.label, "caption": panel.caption, "uri": uri, "width": width, "height": height}


def _uri(data: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def _title(comparison: ComparisonResult) -> str:
    methods = list(dict.fromkeys(run.config.method for run in comparison.runs))
    data = list(dict.fromkeys(part.table.data for part in comparison.parts))
    told = f"{', '.join(methods[:-1])} and {methods[-1]}" if 1 < len(methods) <= 4 else f"{len(methods)} methods"
    return f"{methods[0] if len(methods) == 1 else told} on {' and '.join(data)}"


def _statement(comparison: ComparisonResult) -> str:
    """What came out, in words computed from the tables."""
    several = len(comparison.parts) > 1
    said = (f"On {part.table.data} {told}" if several else told for part in comparison.parts if (told := _told(part)))
    return " ".join(said)


def _told(part: ComparisonPart) -> str:
    """Which row is best by the first figure, and how far that can be said; empty without figures."""
    column = part.table.first
    if column is None:
        return ""
    cells = {row.label: row.cells[column.name] for row in part.table.rows if column.name in row.cells}
    best = next(label for label, cell in cells.items() if cell.best)
    if len(part.table.rows) == 1:
        return f"{best} reaches a mean {column.name} of {number(cells[best].mean)}."
    lead = f"{best} has the best mean {column.name}, {number(cells[best].mean)}"
    if part.table.repeats == 1:
        return f"{lead}, in one run each."
    tied = ", ".join(label for label, cell in cells.items() if cell.tied)
    untested = ", ".join(label for label, cell in cells.items() if cell.untested and not cell.powerless)
    few = max((cell.pairs for cell in cells.values() if cell.powerless), default=0)
    clauses = [f"the test cannot tell {tied} from it"] if tied else []
    clauses += [f"{few} paired runs are too few to tell anything apart"] if few else []
    clauses += [f"{untested} could not be tested"] if untested else []
    if any(not (cell.best or cell.tied or cell.untested) for cell in cells.values()):
        clauses.append("it tells the others from it" if tied else "the test tells the others from it")
    return "; ".join([lead, *clauses]) + "."


# ---------------------------------------------------------------------- Markdown


def markdown_pages(comparison: ComparisonResult, folder: Path) -> Path:
    """``comparison.md`` in `folder`, its pictures in ``pictures`` beside it."""
    lines = [f"# {_title(comparison)}", "", _statement(comparison), ""]
    for number_of_part, part in enumerate(comparison.parts, start=1):
        lines += [markdown(part.table), tally_text(part)]
        with house_style():
            shown = [(d.title, d.caption, f"{number_of_part}-{i}.svg", svg(d.figure))
                     for i, d in enumerate(part.drawings, start=1)]  # fmt: skip
        shown += [(f"{title}: {p.label}", p.caption, f"{number_of_part}-{_slug(title)}-{i}.png", png_bytes(p.picture))
                  for title, _, panels in _albums(part.sheets) for i, p in enumerate(panels, start=1)]  # fmt: skip
        for title, caption, name, data in shown:
            write_atomic(folder / "pictures" / name, data)
            lines += [f"## {title}", "", f"![{title}](pictures/{name})", "", caption, ""]
    lines += ["## Left out", "", *(f"- {p}" for p in comparison.problems), ""] if comparison.problems else []
    told = health(comparison.runs)
    lines += ["## Diagnosis", "", *(f"- {run}: {words}" for run, words in told.told)]
    lines += [f"- not diagnosed: `twoplayer diagnose {run}`" for run in told.unknown]
    lines += ["", "## Environment", "", *(f"- {name}: {value}" for name, value in machine(comparison.runs)), ""]
    lines += ["## Do it again", "", f"    {comparison.command}", ""]
    write_atomic(folder / "comparison.md", "\n".join(lines))
    return folder / "comparison.md"


def _slug(title: str) -> str:
    return title.lower().replace(" ", "-")
