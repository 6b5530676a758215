"""Put the theory to the test: demonstrations with figures, pictures and a computed verdict."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from twoplayer.cli._output import overwrite_option
from twoplayer.core.errors import Interrupted, UserError

__all__ = ["command"]


@click.command()
@click.argument("names", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="run every demonstration")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("lab"),
    show_default=True,
    help="folder of the pages",
)
@overwrite_option
@click.option("--seed", default=0, show_default=True, help="seed of everything random")
@click.option("--json", "as_json", is_flag=True, help="print one JSON document")
def command(names: tuple[str, ...], everything: bool, output: Path, overwrite: bool, seed: int, as_json: bool) -> None:
    """Run the demonstrations NAMES, print their figures and write one HTML page each; without NAMES, list them.

    The same command goes on after an interruption; index.html lists all that are finished in the folder.

    \b
    twoplayer lab
    twoplayer lab parallel-segments
    twoplayer lab --all -o pages
    """
    from twoplayer import lab

    if everything and names:
        raise UserError("give the names of demonstrations or --all, not both")
    selected = lab.names() if everything else list(dict.fromkeys(names))
    descriptions = [lab.describe(name) for name in selected]  # unknown names before the first minute is spent
    if not descriptions:
        click.echo(_contents(as_json))
        return
    from twoplayer.core.files import json_text
    from twoplayer.lab._folder import LabFolder

    folder = LabFolder(output)
    documents: dict[str, dict[str, Any]] = {}
    if not overwrite:
        finished_before = {name: folder.finished_document(name, seed) for name in selected}
        documents = {name: document for name, document in finished_before.items() if document is not None}
    folder.prepare([name for name in selected if name not in documents], overwrite=overwrite)
    for number, name in enumerate(selected):
        if name in documents:
            click.echo(f"{name}: done before, {folder.page_path(name)}", err=True)
            continue
        click.echo(f"{name} ...", err=True)
        try:
            result = lab.perform(name, seed=seed)
        except KeyboardInterrupt:
            flag = ", without --overwrite" if overwrite else ""
            raise Interrupted(
                f"interrupted after {number} of {len(selected)} demonstrations; the same command{flag} resumes"
            ) from None
        documents[name] = folder.save(result)
        if not as_json:
            click.echo(_result_text(result, folder.page_path(name)))
    folder.write_index()
    if as_json:
        click.echo(json_text([{**documents[name], "page": folder.page_path(name)} for name in selected], indent=2))
    elif len(finished := folder.finished()) > 1:
        click.echo(f"{sum(document['held'] for document in finished)} of {len(finished)} held: {folder.index}")


def _contents(as_json: bool) -> str:
    from twoplayer import lab
    from twoplayer.core.files import json_text

    members = [lab.describe(name) for name in lab.names()]
    if as_json:
        return json_text([{"name": m.name, "title": m.summary, "source": m.source} for m in members], indent=2)
    width = max(len(m.name) for m in members)
    return "\n".join(f"{m.name:<{width}}  {m.summary}" for m in members)


def _result_text(result: Any, page: Path) -> str:
    """The result as plain text."""
    from twoplayer.lab._result import ResultTable, cell_text

    lines = [f"{result.name}: {result.title}", *_wrapped(result.statement)]
    for part in result.parts:
        if isinstance(part, ResultTable):
            lines += [
                "",
                f"  {part.title}",
                *_grid([part.columns, *[[cell_text(c) for c in row] for row in part.rows]]),
            ]
            lines += _wrapped(part.note)
    lines += ["", "  checks"]
    lines += _grid([(c.label, cell_text(c.measured), c.requirement, c.verdict) for c in result.checks])
    lines += ["", f"  {result.verdict} ({result.seconds:.1f} s)", f"  {page}", ""]
    return "\n".join(lines).replace("−", "-")  # a terminal's figures are copied into other programs


def _wrapped(text: str) -> list[str]:
    import shutil
    import textwrap

    width = min(100, shutil.get_terminal_size().columns)
    return textwrap.wrap(text, width, initial_indent="  ", subsequent_indent="  ")


def _grid(rows: list[Any]) -> list[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ["    " + "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]
