"""Which aims: those that were asked for among the metrics, or all of a run's game that take less than minutes."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from twoplayer import aims, metrics
from twoplayer.aims._base import Aim
from twoplayer.errors import UserError, did_you_mean
from twoplayer.measuring import ALIASES
from twoplayer.measuring._named import named, words

if TYPE_CHECKING:
    from twoplayer.data._base import Dataset
    from twoplayer.run import Run

__all__ = ["Chosen", "Fitting", "apart", "fitting"]


class Chosen(NamedTuple):
    """What was asked for, aims apart from metrics."""

    metrics: list[Any] | None
    """What is left for measuring samples; None for all metrics, empty for none."""
    aims: list[str] | None
    """None for all that the run's game has and that are quick."""
    mistakes: tuple[str, ...] = ()


class Fitting(NamedTuple):
    """The aims that a run is measured by, by their names, and why others are left out."""

    aims: dict[str, Aim]
    notes: tuple[str, ...] = ()


def apart(given: Any) -> Chosen:
    """Split what ``--metrics`` names; words that are neither stay among the metrics, but for misspelt aims."""
    if given is None:
        return Chosen(None, None)
    rest, found, mistakes = list[Any](), list[str](), list[str]()
    for word in words(given):
        name = word.partition(":")[0].lower().replace("_", "-") if isinstance(word, str) else ""
        if name in aims.names():
            try:
                found += [each.name for each in named(word, aims.family, "aim", {})]
            except UserError as error:
                mistakes.append(str(error))
        elif name and _is_misspelt(name):
            mistakes.append(f"no metric is called {name!r}: {did_you_mean(name, aims.names())}")
        else:
            rest.append(word)
    nothing = not (rest or found or mistakes)
    return Chosen([given] if nothing else rest, list(dict.fromkeys(found)), tuple(mistakes))


def fitting(asked: Sequence[str] | None, run: Run, dataset: Dataset) -> Fitting:
    """The aims by those names, or all of the run's game that are quick; of the others it is said why they are not.

    Raises `UserError` for one that was named and cannot be measured.
    """
    made: dict[str, Aim] = {name: aims.create(name) for name in (aims.names() if asked is None else asked)}
    if asked is not None:
        mistakes = list(_mistakes(made, run, dataset))
        if mistakes:
            raise UserError("\n".join(mistakes))
        return Fitting(made)
    mine = {name: aim for name, aim in made.items() if aim.serves(run)}
    lacking = {name: aim.obstacle(dataset) for name, aim in mine.items()}
    notes = [f"Not measured: {name}, which needs {what}." for name, what in lacking.items() if what]
    slow = [name for name, aim in mine.items() if aim.slow and not lacking[name]]
    if slow:
        notes.append(f"Measured only where it is named, since it can take minutes: {', '.join(slow)}.")
    return Fitting({n: aim for n, aim in mine.items() if not lacking[n] and not aim.slow}, tuple(notes))


def _mistakes(made: dict[str, Aim], run: Run, dataset: Dataset) -> Iterator[str]:
    for name, aim in made.items():
        if not aim.serves(run):
            yield f"{name} needs {aim.wants}, which {run.path} is not: leave it out"
        elif what := aim.obstacle(dataset):
            yield f"{name} needs {what}: leave it out, or train on other data"


def _is_misspelt(name: str) -> bool:
    """Whether an aim is nearer to the word than any metric."""
    known = [*metrics.names(), *ALIASES]
    near = difflib.get_close_matches(name, [*known, *aims.names()], n=1)
    return name not in known and bool(near) and near[0] in aims.names()
