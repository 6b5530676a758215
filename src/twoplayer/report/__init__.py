"""The report of a run: one self-contained HTML file, made from the run folder alone."""

from __future__ import annotations

from pathlib import Path

__all__ = ["write_report"]


def write_report(run_folder: Path, *, output: Path | None = None) -> Path:
    """Write the report of the run in `run_folder`, by default to its ``report.html``, and return its path.

    The file loads nothing from outside. Whatever the run has not produced yet (samples, metrics) is left out.
    Raises `UserError` when the folder is missing, holds no run, or holds a file that cannot be read.
    """
    from twoplayer.files import write_atomic
    from twoplayer.report._page import page
    from twoplayer.report._record import read_record

    run_folder = Path(run_folder)
    output = run_folder / "report.html" if output is None else Path(output)
    write_atomic(output, page(read_record(run_folder)))
    return output
