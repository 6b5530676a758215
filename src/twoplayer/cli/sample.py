"""Draw samples from a run into a picture, an array or a folder."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["command"]


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--n", default=64, show_default=True, help="how many")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="PNG, NPY, NPZ, CSV (points) or a folder [default: samples.png]",
)
@click.option("--seed", default=0, show_default=True, help="seed of the latents")
@click.option("--refine", type=int, help="functional gradient steps to apply [default: all that it has]")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, mps")
@click.option("--json", "as_json", is_flag=True, help="print one JSON document")
def command(run: Path, n: int, output: Path | None, seed: int, refine: int | None, device: str, as_json: bool) -> None:
    """Draw samples from RUN, a run folder.

    \b
    twoplayer sample runs/dcgan-digits-1 --n 64 -o samples.png
    twoplayer sample runs/dcgan-digits-1 --n 10000 -o samples.npz
    """
    from twoplayer.files import json_text
    from twoplayer.run import Run

    samples = Run(run, device=device).sample(n, seed=seed, refine=refine)
    written = samples.save(output or Path("samples.png"))
    if as_json:
        shape = list(samples.array.shape)
        click.echo(json_text({"run": run, "output": written, "samples": n, "seed": seed, "shape": shape}, indent=2))
    else:
        click.echo(str(written))
