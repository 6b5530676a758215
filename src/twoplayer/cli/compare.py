"""Compare methods under equal budgets, or finished runs: a table, plots, one page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from twoplayer.cli._output import overwrite_option
from twoplayer.cli._settings import read_words, setting_options
from twoplayer.core.errors import UserError

__all__ = ["command"]


@click.command(
    context_settings={"ignore_unknown_options": True},
    epilog="Every setting of twoplayer train is a flag here too, for all runs: --critic-steps 5, --filters 32. The "
    "same command goes on where it was interrupted and trains nothing twice.",
)
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="METHOD... | RUN...")
@click.option("--seeds", metavar="N|LIST", help="how many seeds, or which: 3, or 0,7,42 [default: 3]")
@click.option("--vary", multiple=True, metavar="SETTING=A,B", help="values to train each method with; may be repeated")
@click.option(
    "--random-architectures",
    type=int,
    default=0,
    metavar="N",
    help="train two methods on N random architectures (Gulrajani et al. 2017, section 5.1), one seed each",
)
@click.option("--jobs", type=int, help="runs at a time [default: 1, or the capacity of a cluster]")
@click.option("--backend", default="threading", show_default=True, help="of joblib: threading, loky, ray, dask")
@click.option("--by", metavar="METRIC", help="metric by which the table is ordered [default: the most informative one]")
@click.option("--metrics", default="", help="metrics in addition to those measured during training, such as prdc,kid")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="folder [default: comparisons/DATA-BUDGET, of finished runs comparisons/runs-...]",
)
@overwrite_option
@click.option(
    "--format", "form", type=click.Choice(["html", "md", "pdf"]), default="html", show_default=True, help="of the page"
)
@click.option("--json", "as_json", is_flag=True, help="print one JSON document")
def command(
    words: tuple[str, ...],
    seeds: str | None,
    vary: tuple[str, ...],
    random_architectures: int,
    jobs: int | None,
    backend: str,
    by: str | None,
    metrics: str,
    output: Path | None,
    overwrite: bool,
    form: Any,
    as_json: bool,
    **fields: Any,
) -> None:
    """Train METHODs under equal budgets and compare them, or compare finished RUN folders.

    \b
    twoplayer compare gan1 wgan-gp sngan xicfg --data fashion-mnist --seeds 3 --budget 10min
    twoplayer compare wgan-gp --data digits --vary networks.depth=2,4,8 --images 200000
    twoplayer compare runs/*
    """
    from twoplayer.comparison import compare, compare_runs
    from twoplayer.comparison.comparison import check_folder
    from twoplayer.core.files import json_text

    def progress(text: str) -> None:
        click.echo(text, err=True)

    bare, settings = read_words(words, {k: v for k, v in fields.items() if v is not None})
    runs = _run_folders(bare)
    if output is not None:
        check_folder(output, form, overwrite=overwrite)
    if runs:
        _refuse_settings(settings, seeds, vary, random_architectures)
        found = compare_runs(runs, by=by, metrics=metrics, progress=progress)
    else:
        data = settings.pop("data", None)
        if data is None:
            raise UserError("say what to train on, such as --data digits; twoplayer list data shows what there is")
        found = compare(
            bare, data, seeds=_seeds(seeds, random_architectures), vary=vary,
            random_architectures=random_architectures, output=output, jobs=jobs, backend=backend, by=by,
            metrics=metrics, progress=progress, **settings,
        )  # fmt: skip
    page = found.write(output, form=form)
    click.echo(json_text({**found.document(), "page": page}, indent=2) if as_json else f"{found}\n{page}")


command.params += [option for option in setting_options() if option.name != "seed"]


def _run_folders(words: Sequence[str]) -> list[Path]:
    """The words as run folders; none where they are methods. Raises `UserError` where they are both."""
    from twoplayer import methods

    paths = [word for word in words if word not in methods.names() and ("/" in word or Path(word).is_dir())]
    if paths and len(paths) < len(words):
        other = next(word for word in words if word not in paths)
        raise UserError(f"compare methods or run folders, not both: {other} is no run folder, and {paths[0]} is")
    return [Path(path) for path in paths]


def _refuse_settings(
    settings: dict[str, Any], seeds: str | None, vary: Sequence[str], random_architectures: int
) -> None:
    given = [f"--{name.replace('_', '-')}" for name in settings]
    given += [name for name, value in (("--seeds", seeds), ("--vary", vary)) if value]
    given += ["--random-architectures"] if random_architectures else []
    if given:
        raise UserError(f"{given[0]} is for training, and these runs are trained: leave it out")


def _seeds(text: str | None, random_architectures: int) -> int | list[int]:
    if text is None:
        return 1 if random_architectures else 3
    words = [word.strip() for word in text.split(",") if word.strip()]
    if not words or not all(word.isdecimal() for word in words):
        raise UserError(f"--seeds must be how many, such as 3, or a list, such as 0,7,42, not {text!r}")
    return int(words[0]) if len(words) == 1 and "," not in text else [int(word) for word in words]
