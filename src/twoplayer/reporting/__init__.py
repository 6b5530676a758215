"""The report of a run: one self-contained HTML file, made from the run folder alone; or a PDF, or Markdown."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

__all__ = ["FORMATS", "Format", "write_report"]

Format = Literal["html", "pdf", "md"]
FORMATS: tuple[Format, ...] = ("html", "pdf", "md")


def write_report(run_folder: Path, *, output: Path | None = None, form: Format | None = None) -> Path:
    """Write the report of the run in `run_folder`, by default to its ``report.html``, and return its path.

    The form is `form`, else what the ending of `output` says, else HTML. HTML and PDF load nothing from outside;
    Markdown names the run's pictures. Whatever the run has not produced yet (samples, metrics) is left out.
    Raises `UserError` when the folder is missing, holds no run, or holds a file that cannot be read, and for a PDF
    where there is no browser to print it.
    """
    from twoplayer.core.files import write_atomic
    from twoplayer.reporting._record import read_record

    run_folder = Path(run_folder)
    form = form or _form_of(output)
    output = run_folder / f"report.{form}" if output is None else Path(output)
    record = read_record(run_folder)
    if form == "md":
        from twoplayer.reporting._markdown import markdown

        write_atomic(output, markdown(record, output.parent))
        return output
    from twoplayer.reporting._page import page

    html = page(record)
    if form == "pdf":
        from twoplayer.pages.pdf import pdf

        write_atomic(output, pdf(html))
    else:
        write_atomic(output, html)
    return output


def _form_of(output: Path | None) -> Format:
    ending = "" if output is None else Path(output).suffix.lower()
    return "pdf" if ending == ".pdf" else "md" if ending in (".md", ".markdown") else "html"
