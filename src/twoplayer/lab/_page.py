"""The lab's pages: one self-contained HTML file per demonstration, and an index of the verdicts."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from twoplayer.core.version import __version__
from twoplayer.lab._result import DemonstrationResult, Paragraph, ResultPicture, ResultTable, cell_text
from twoplayer.pages.templates import resource, template

__all__ = ["contents_page", "result_page"]


def result_page(result: DemonstrationResult) -> str:
    """One demonstration as an HTML page that loads nothing."""
    return _render("page.html", result=result, parts=[_part(p) for p in result.parts])


def contents_page(finished: Sequence[Mapping[str, Any]]) -> str:
    """The verdicts of several demonstrations, from their `DemonstrationResult.document`, each linked to its page."""
    return _render("contents.html", finished=finished, held=sum(document["held"] for document in finished))


def _part(part: Paragraph | ResultTable | ResultPicture) -> dict[str, Any]:
    match part:
        case Paragraph():
            return {"kind": "text", "text": part.text}
        case ResultTable():
            return {"kind": "table", "table": part}
        case ResultPicture():
            data = base64.b64encode(part.svg).decode()
            return {"kind": "picture", "picture": part, "uri": f"data:image/svg+xml;base64,{data}"}


def _render(name: str, **contents: Any) -> str:
    style = resource("twoplayer.lab", "lab.css")
    return template("twoplayer.lab", name).render(style=style, cell_text=cell_text, version=__version__, **contents)
