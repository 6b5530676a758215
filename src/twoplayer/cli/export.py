"""Write a run's generator as one file that does not need twoplayer: a torch.export program, or ONNX."""

from __future__ import annotations

from pathlib import Path

import click

from twoplayer.cli._output import overwrite_option

__all__ = ["command"]


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="a name that ends in .pt2 or .onnx [default: generator.pt2, or .onnx]",
)
@click.option("--format", type=click.Choice(["pt2", "onnx"]), help="torch.export or ONNX [default: by the name]")
@click.option("--refine", type=int, help="functional gradient steps in the program [default: all]")
@overwrite_option
@click.option("--json", "as_json", is_flag=True, help="print the file's metadata as one JSON document")
def command(
    run: Path, output: Path | None, format: str | None, refine: int | None, overwrite: bool, as_json: bool
) -> None:
    """Export the EMA generator of RUN, a run folder, as one program from inputs to samples, for any number of them.

    It computes in float32 and needs torch, or a runtime for ONNX, and nothing else. The meaning of its input, and how
    to convert its output to pixels, is stored in the file (metadata.json) and printed.

    \b
    twoplayer export runs/dcgan-digits-1 -o generator.pt2
    twoplayer export runs/xicfg-digits-1 --refine 5 -o refined.pt2
    twoplayer export runs/cgan-fashion-mnist-1 --format onnx
    """
    from twoplayer.api.run import Run
    from twoplayer.core.files import json_text
    from twoplayer.export import export

    exported = export(Run(run, device="cpu"), output, format=format, refine=refine, overwrite=overwrite)
    if as_json:
        click.echo(
            json_text(
                {"run": run, "output": exported.path, "format": exported.format, "metadata": exported.metadata},
                indent=2,
            )
        )
    else:
        click.echo(str(exported))
