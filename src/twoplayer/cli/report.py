"""Write a run's page: one self-contained HTML file, or a PDF, or Markdown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from twoplayer.cli._output import overwrite_option

__all__ = ["command"]


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="file to write [default: RUN/report.html]")
@overwrite_option
@click.option(
    "--format",
    "form",
    type=click.Choice(["html", "pdf", "md"]),
    help="[default: what the output's ending says, else html]",
)
@click.option("--json", "as_json", is_flag=True, help="print one JSON document")
def command(run: Path, output: Path | None, overwrite: bool, form: Any, as_json: bool) -> None:
    """Write the report of RUN, a run folder, and print where it is.

    \b
    twoplayer report runs/dcgan-digits-1
    twoplayer report runs/dcgan-digits-1 --format pdf
    """
    from twoplayer.core.files import check_free, json_text
    from twoplayer.reporting import write_report

    check_free([] if output is None else [output], overwrite=overwrite)
    page = write_report(run, output=output, form=form)
    click.echo(json_text({"run": run, "report": page}, indent=2) if as_json else str(page))
