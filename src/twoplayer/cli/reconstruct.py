"""Encode data and generate from the encodings: what a run keeps of a sample."""

from __future__ import annotations

from pathlib import Path

import click

from twoplayer.cli._output import overwrite_option

__all__ = ["command"]


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("data")
@click.option("--n", default=32, show_default=True, help="how many, from the first")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("reconstructions.png"),
    show_default=True,
    help="PNG (each sample above its reconstruction), or reconstructions alone: NPY, NPZ, CSV (points) or a folder",
)
@overwrite_option
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, mps")
@click.option("--json", "as_json", is_flag=True, help="print one JSON document")
def command(run: Path, data: str, n: int, output: Path, overwrite: bool, device: str, as_json: bool) -> None:
    """Reconstruct DATA, a path or a known name, with RUN, the folder of a run that has an encoder.

    \b
    twoplayer reconstruct runs/bigan-fashion-mnist-1 photos/ -o pictures.png
    """
    from twoplayer.api.run import Run
    from twoplayer.core.files import json_text
    from twoplayer.inference.encode import reconstruct_data
    from twoplayer.sampling.samples import check_target

    source = Run(run, device=device)
    check_target(output, overwrite=overwrite)
    pairs = reconstruct_data(source, data, n)
    written = pairs.save(output, overwrite=overwrite)
    if as_json:
        document = {"run": run, "data": data, "output": written, "samples": len(pairs), "error": pairs.error}
        click.echo(json_text(document, indent=2))
    else:
        click.echo(f"{written}: {pairs}")
