"""The report of a run as one self-contained HTML file, a PDF or Markdown, made from the run folder."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

__all__ = ["FORMATS", "Format", "write_report"]

Format = Literal["html", "pdf", "md"]
FORMATS: tuple[Format, ...] = ("html", "pdf", "md")
FORMAT_BY_SUFFIX: dict[str, Format] = {".pdf": "pdf", ".md": "md", ".markdown": "md"}


def write_report(run_folder: Path, *, output: Path | None = None, form: Format | None = None) -> Path:
    """Write the report of a run.

    HTML and PDF load nothing from outside; Markdown refers to the pictures in the run folder. Sections without content
    (no samples or metrics yet) are left out.

    Args:
        run_folder: the run folder.
        output: the file to write; by default ``report.html`` (or ``.pdf``, ``.md``) in the run folder.
        form: the format; by default that of the suffix of `output`, else HTML.

    Returns:
        The path of the file.

    Raises:
        UserError: if the folder is missing, holds no run or a file that cannot be read, and for a PDF where there is no
            browser to print it.
    """
    from twoplayer.core.files import write_atomic
    from twoplayer.reporting._record import read_record

    run_folder = Path(run_folder)
    suffix = "" if output is None else Path(output).suffix.lower()
    form = form or FORMAT_BY_SUFFIX.get(suffix, "html")
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
