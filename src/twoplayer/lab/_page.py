"""The lab's pages: one self-contained HTML file per demonstration, and one that lists the verdicts."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from twoplayer.core.version import __version__
from twoplayer.lab._result import DemonstrationResult, Paragraph, ResultPicture, ResultTable, shown
from twoplayer.pages.templates import resource, template

__all__ = ["contents_page", "findings_page"]


def findings_page(findings: DemonstrationResult) -> str:
    """One demonstration as HTML that loads nothing from elsewhere."""
    return _render("page.html", findings=findings, parts=[_part(p) for p in findings.parts])


def contents_page(finished: Sequence[Mapping[str, Any]]) -> str:
    """The verdicts of several demonstrations (`DemonstrationResult.document`), each linked to its page beside this."""
    return _render("contents.html", finished=finished, held=sum(found["held"] for found in finished))


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
    return template("twoplayer.lab", name).render(style=style, shown=shown, version=__version__, **contents)
