"""Draw samples from a run into a picture, an array or a folder."""

from __future__ import annotations

import re
from pathlib import Path

import click

from twoplayer.cli._output import overwrite_option

__all__ = ["command"]


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--n", default=64, show_default=True, help="how many")
@click.option("--label", metavar="CLASS", help="class of all samples, where the generator can be asked for one")
@click.option("--attributes", metavar="NAME=VALUE,...", multiple=True, help="attributes of all samples; others vary")
@click.option("--text", metavar="SENTENCE", help="what all samples shall show, where the generator reads")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("samples.png"),
    show_default=True,
    help="PNG, NPY, NPZ, CSV (points) or a folder",
)
@overwrite_option
@click.option("--seed", default=0, show_default=True, help="seed of the latents")
@click.option("--refine", type=int, help="functional gradient steps to apply [default: all that it has]")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, mps")
@click.option("--json", "as_json", is_flag=True, help="print one JSON document")
def command(
    run: Path,
    n: int,
    label: str | None,
    attributes: tuple[str, ...],
    text: str | None,
    output: Path,
    overwrite: bool,
    seed: int,
    refine: int | None,
    device: str,
    as_json: bool,
) -> None:
    """Draw samples from RUN, a run folder.

    \b
    twoplayer sample runs/dcgan-digits-1 --n 64 -o samples.png
    twoplayer sample runs/dcgan-digits-1 --n 10000 -o samples.npz
    twoplayer sample runs/cgan-fashion-mnist-1 --label sneaker
    twoplayer sample runs/cgan-emoji-1 --attributes hair=red,gender=woman
    twoplayer sample runs/gan-cls-emoji-1 --text "a smiling face with sunglasses"
    """
    from twoplayer.api.run import Run
    from twoplayer.core.files import json_text
    from twoplayer.sampling.samples import check_target

    asked, source = _read(attributes), Run(run, device=device)
    check_target(output, overwrite=overwrite)
    drawn = source.sample(n, seed=seed, refine=refine, label=label, attributes=asked, text=text)
    written = drawn.save(output, overwrite=overwrite)
    if as_json:
        wishes = {"label": label, "attributes": asked, "text": text}
        shown = {"run": run, "output": written, "samples": n, "seed": seed, "shape": list(drawn.array.shape)}
        click.echo(json_text({**shown, **{name: wish for name, wish in wishes.items() if wish}}, indent=2))
    else:
        click.echo(str(written))


def _read(attributes: tuple[str, ...]) -> dict[str, str]:
    """The attributes by name, from texts such as ``hair=red,gender=woman``; a comma may be part of a value."""
    from twoplayer.core.errors import UserError

    asked: dict[str, str] = {}
    for piece in (piece for text in attributes for piece in re.split(r",(?=[^,=]*=)", text)):
        name, equals, value = (word.strip() for word in piece.partition("="))
        if not (name and equals and value):
            raise UserError(f"attributes are names with values, such as hair=red,gender=woman, not {piece.strip()!r}")
        if name in asked:
            raise UserError(f"{name} is asked to be {asked[name]} and {value}: ask for one of them")
        asked[name] = value
    return asked
