"""Test whether two sets of samples come from the same distribution."""

from __future__ import annotations

import click

__all__ = ["command"]


@click.command()
@click.argument("a")
@click.argument("b")
@click.option(
    "--tests", metavar="NAMES", help="such as energy,mmd; see twoplayer list two-sample-tests [default: all that apply]"
)
@click.option(
    "--level",
    default=0.05,
    show_default=True,
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="probability of telling equal distributions apart",
)
@click.option(
    "--permutations",
    default=500,
    show_default=True,
    type=click.IntRange(1),
    help="random orders of the labels for a p-value, tests/level - 1 at least: 19 for one test at level 0.05",
)
@click.option(
    "--extractor", metavar="NAME", help="what looks at images [default: random-conv; points: their coordinates]"
)
@click.option("--resolution", type=int, help="bring images to squares of so many pixels first")
@click.option("--n", default=5_000, show_default=True, help="samples of each set at most, a random part of more")
@click.option("--seed", default=0, show_default=True, help="seed of the permutations and of all that is drawn")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, mps")
@click.option("--json", "as_json", is_flag=True, help="print one JSON document")
def command(
    a: str,
    b: str,
    tests: str | None,
    level: float,
    permutations: int,
    extractor: str | None,
    resolution: int | None,
    n: int,
    seed: int,
    device: str,
    as_json: bool,
) -> None:
    """Test whether A and B come from the same distribution.

    A and B are folders or zips of images, .npy, .npz or .csv files, names of data sets, or run folders, which draw as
    many samples as the other side has. The same name twice compares two halves of it.

    \b
    twoplayer test-samples out/ photos/
    twoplayer test-samples runs/gan1-ring-1 ring --tests energy,mmd-aggregated
    twoplayer test-samples a.csv b.csv --level 0.01 --permutations 2000

    Each test permutes who belongs to which set: if the distributions are equal, its p-value is at most the level with
    at most that probability, however many samples there are. Holm's correction does the same for all tests together.
    That no difference is found is no proof that there is none.
    """
    from twoplayer.core.files import json_text
    from twoplayer.two_sample.compare_sets import test_samples

    def say(text: str) -> None:
        click.echo(text, err=True)

    found = test_samples(
        a,
        b,
        tests=None if tests is None else [name.strip() for name in tests.split(",") if name.strip()],
        level=level,
        permutations=permutations,
        seed=seed,
        n=n,
        extractor=extractor,
        resolution=resolution,
        device=device,
        progress=None if as_json else say,
    )
    click.echo(json_text(found.document(), indent=2) if as_json else str(found))
