"""Write what a run's encoder, or its critic, makes of data: features for other programs."""

from __future__ import annotations

from pathlib import Path

import click

from twoplayer.cli._output import overwrite_option

__all__ = ["command"]


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("data")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("features.npz"),
    show_default=True,
    help="NPZ (features, labels, names), NPY or CSV (features alone)",
)
@overwrite_option
@click.option(
    "--by",
    type=click.Choice(["encoder", "critic"]),
    default="encoder",
    show_default=True,
    help="latents by the encoder, or features of the critic before its last layer: of any run but a translation",
)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, mps")
@click.option("--json", "as_json", is_flag=True, help="print one JSON document")
def command(run: Path, data: str, output: Path, overwrite: bool, by: str, device: str, as_json: bool) -> None:
    """Encode DATA, a path or a known name, with RUN, a run folder: one row for each sample, in the order of DATA.

    \b
    twoplayer encode runs/bigan-fashion-mnist-1 photos/ -o features.npz
    twoplayer encode runs/dcgan-digits-1 digits --by critic -o features.npy
    """
    from twoplayer.api.run import Run
    from twoplayer.core.files import check_free, json_text
    from twoplayer.inference.encode import encode_data

    source = Run(run, device=device)
    check_free([output], overwrite=overwrite)
    encoded = encode_data(source, data, by="critic" if by == "critic" else "encoder")
    written = encoded.save(output)
    if as_json:
        shape = list(encoded.features.shape)
        document = {"run": run, "data": data, "by": by, "output": written, "shape": shape, "skipped": encoded.skipped}
        click.echo(json_text(document, indent=2))
    else:
        count, width = encoded.features.shape
        left_out = f", {encoded.skipped} unreadable left out" if encoded.skipped else ""
        click.echo(f"{count:,} rows of {width} numbers{left_out}: {written}")
