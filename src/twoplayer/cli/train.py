"""Train a method on data; the same command goes on where it stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from twoplayer.cli._settings import read_settings, setting_options

__all__ = ["command"]


@click.command(
    params=setting_options(),
    context_settings={"ignore_unknown_options": True},
    epilog="Any option of a part is a flag too, by its path or its bare name: --critic.normalization layer, "
    "--critic-steps 5, --filters 32 (both networks). The options of a part: twoplayer list objectives wasserstein.",
)
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[METHOD]")
@click.option("--run", type=click.Path(path_type=Path), help="run folder [default: runs/METHOD-DATA-N]")
@click.option("--config", type=click.Path(path_type=Path), help="YAML file with any of these settings")
@click.option("--json", "as_json", is_flag=True, help="print one JSON document")
def command(words: tuple[str, ...], run: Path | None, config: Path | None, as_json: bool, **fields: Any) -> None:
    """Train METHOD (twoplayer list methods) on data (twoplayer list data).

    \b
    twoplayer train dcgan --data fashion-mnist
    twoplayer train wgan-gp --data ./my-photos --resolution 64 --steps 50000
    twoplayer train gan1 --data ring
    """
    method, settings = read_settings(words, {k: v for k, v in fields.items() if v is not None})
    data = settings.pop("data", None)
    from twoplayer.api.train import train
    from twoplayer.cli._console import Console

    with Console(quiet=as_json) as console:
        finished = train(method, data, run=run, config=config, listeners=[console], **settings)
    from twoplayer.core.distributed import process_index

    if process_index() > 0:
        return
    page = finished.folder.report
    if as_json:
        from twoplayer.core.files import json_text

        status, metrics = finished.status, finished.metrics
        document = {
            "run": str(finished.path),
            **status,
            "report": str(page),
            "metrics": metrics[-1] if metrics else None,
        }
        click.echo(json_text(document, indent=2))
    else:
        click.echo(f"report: {page}")
