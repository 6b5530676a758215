"""Check a run for failure modes: evidence, pictures, and what to try next."""

from __future__ import annotations

from pathlib import Path

import click

from twoplayer.cli._page import renew_report
from twoplayer.core.errors import UserError

__all__ = ["command"]


@click.command()
@click.argument("run", type=click.Path(path_type=Path), required=False)
@click.option("--only", multiple=True, metavar="NAME", help="check these failure modes only, separated by commas")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, mps")
@click.option("--json", "as_json", is_flag=True, help="print one JSON document")
def command(run: Path | None, only: tuple[str, ...], device: str, as_json: bool) -> None:
    """Check RUN, a run folder, for failure modes, and print the findings, most severe first; without RUN, list them.

    The findings are written to RUN/diagnosis and RUN/report.html, unless --only names failure modes.

    \b
    twoplayer diagnose runs/gan1-ring-1
    twoplayer diagnose runs/gan1-ring-1 --only mode-collapse,oscillation
    """
    from twoplayer.core.files import json_text
    from twoplayer.diagnosis import diagnose

    names = [name for word in only for name in word.replace(",", " ").split()]
    if run is None:
        if names:
            raise UserError("give the run folder to check, such as runs/gan1-ring-1")
        click.echo(_contents(as_json))
        return

    def progress(text: str) -> None:
        click.echo(text, err=True)

    diagnosis = diagnose(run, only=names or None, device=device, progress=None if as_json else progress)
    click.echo(json_text(diagnosis.document(), indent=2) if as_json else str(diagnosis))
    if not names:
        renew_report(run, quiet=as_json)


def _contents(as_json: bool) -> str:
    from twoplayer import diagnosis
    from twoplayer.core.files import json_text

    members = [diagnosis.describe(name) for name in diagnosis.names()]
    if as_json:
        return json_text([{"name": m.name, "title": m.summary, "source": m.source} for m in members], indent=2)
    width = max(len(m.name) for m in members)
    return "\n".join(f"{m.name:<{width}}  {m.summary}" for m in members)
