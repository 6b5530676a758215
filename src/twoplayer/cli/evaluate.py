"""Measure a run: every metric that applies, beside the same figure for real data."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["command"]


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--n", type=int, help="generated samples [default: 10,000 images or 2,500 points]")
@click.option("--seed", type=int, help="seed of the latents [default: the run's, as training measured]")
@click.option("--refine", type=int, help="functional gradient steps to apply [default: all that it has]")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, mps")
@click.option("--json", "as_json", is_flag=True, help="print one JSON document")
def command(run: Path, n: int | None, seed: int | None, refine: int | None, device: str, as_json: bool) -> None:
    """Measure RUN, a run folder, on samples of its averaged generator.

    \b
    twoplayer evaluate runs/dcgan-digits-1
    twoplayer evaluate runs/dcgan-digits-1 --json
    """
    from twoplayer.evaluate import evaluate
    from twoplayer.files import json_text
    from twoplayer.run import Run

    def say(text: str) -> None:
        click.echo(text, err=True)

    result = evaluate(Run(run, device=device), n=n, seed=seed, refine=refine, say=None if as_json else say)
    click.echo(json_text(result.document(), indent=2) if as_json else str(result))
