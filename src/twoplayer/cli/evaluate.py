"""Measure a run, or anybody's samples: every metric that applies, beside the same figure for real data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from twoplayer.cli._page import renew_report
from twoplayer.core.errors import UserError

__all__ = ["command"]


@click.command()
@click.argument("run", required=False, type=click.Path(path_type=Path))
@click.option("--samples", help="instead of a run's: a folder, zip, .npy, .npz, .csv, data name or run folder")
@click.option("--reference", help="real data that the samples are held against: files, or a data name")
@click.option(
    "--held-out", help="more real data beside the samples, or a share of the reference [default: its own, or 0.1]"
)
@click.option("--resolution", type=click.IntRange(1), help="bring all images to this side in pixels [default: as is]")
@click.option(
    "--extractor", multiple=True, help="what looks at the samples, such as inception,pixels [default: by the data]"
)
@click.option(
    "--metrics", multiple=True, help="such as fid,prdc,kid:subsets=100, or a run's aims [default: all that are quick]"
)
@click.option("--n", type=int, help="how many samples [default: 10,000 images or 2,500 points of a run, else all]")
@click.option("--seed", type=int, help="of what is drawn at random [default: the run's, as training measured]")
@click.option("--refine", type=int, help="functional gradient steps to apply [default: all that it has]")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, mps")
@click.option("--json", "as_json", is_flag=True, help="print one JSON document")
def command(run: Path | None, as_json: bool, **options: Any) -> None:
    """Measure RUN, a run folder, on samples of its averaged generator; or --samples against a --reference.

    Each figure stands with its standard error beside the same figure for held-out real data. twoplayer list extractors
    and twoplayer list metrics show what there is, and twoplayer list evaluation-tasks what a run is measured by
    besides: whether samples are what was asked for, images fit captions, translations come near their true partners.
    RUN keeps its figures, with pictures of the samples that come nearest to the training data and of paths through
    the latent space, in its folder evaluation, and its report shows them.

    \b
    twoplayer evaluate runs/dcgan-digits-1
    twoplayer evaluate runs/dcgan-digits-1 --extractor pixels --metrics fd,kid
    twoplayer evaluate --samples out/ --reference photos/ --extractor inception --metrics fid,kid,prdc
    """
    from twoplayer.cli._console import Console
    from twoplayer.core.files import json_text

    given = {name: value for name, value in options.items() if value is not None and value != ()}
    with Console(quiet=as_json) as console:
        result = _measured(run, {**given, "progress": console.on_note})
    click.echo(json_text(result.document(), indent=2) if as_json else str(result))
    if run is not None:
        renew_report(run, quiet=as_json)


def _measured(run: Path | None, options: dict[str, Any]) -> Any:
    from twoplayer.api.run import Run
    from twoplayer.evaluation.evaluate import evaluate, evaluate_run

    about_samples = [name for name in ("samples", "reference", "held_out", "resolution") if name in options]
    if run is not None:
        if about_samples:
            flags = ", ".join(f"--{name.replace('_', '-')}" for name in about_samples)
            raise UserError(f"a run is measured against its own data: leave {flags} out, or give --samples {run}")
        return evaluate_run(Run(run, device=options.pop("device")), keep=True, **options)
    if not {"samples", "reference"} <= options.keys():
        raise UserError("say what to measure: a run folder RUN, or --samples and the --reference to hold them against")
    if "refine" in options:
        raise UserError("refine is for runs: leave it out for --samples")
    return evaluate(options.pop("samples"), options.pop("reference"), **options)
