"""Translate pictures, whole and of any size, with a run of pix2pix or cyclegan."""

from __future__ import annotations

from pathlib import Path

import click

from twoplayer.cli._output import overwrite_option

__all__ = ["command"]


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("pictures", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), default=Path("translated"), show_default=True, help="a folder"
)
@overwrite_option
@click.option("--direction", type=click.Choice(["AtoB", "BtoA"]), help="[default: as it was trained to show]")
@click.option("--dropout", type=click.IntRange(min=0), metavar="SEED", help="leave pix2pix's dropout on, by this seed")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, mps")
@click.option("--json", "as_json", is_flag=True, help="print one JSON document")
def command(
    run: Path,
    pictures: tuple[Path, ...],
    output: Path,
    overwrite: bool,
    direction: str | None,
    dropout: int | None,
    device: str,
    as_json: bool,
) -> None:
    """Translate PICTURES, files or folders of them, with RUN, a run folder.

    Each is translated as a whole, however large, and written under its own name as PNG. A picture is always
    translated alike, unless --dropout adds the noise that pix2pix trains with.

    \b
    twoplayer translate runs/pix2pix-pairs-1 photo.png -o out
    twoplayer translate runs/cyclegan-pairs-1 photos/ --direction BtoA
    """
    from twoplayer.api.run import Run
    from twoplayer.core.files import json_text
    from twoplayer.inference.translate import translate_files

    source = Run(run, device=device)
    written = translate_files(source, pictures, output, direction=direction, dropout=dropout, overwrite=overwrite)
    if as_json:
        told = {"run": run, "direction": direction, "dropout": dropout, "output": output, "written": written}
        click.echo(json_text(told, indent=2))
    else:
        click.echo(f"{len(written)} translated, in {output}")
