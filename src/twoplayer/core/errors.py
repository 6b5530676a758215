"""The errors that a user can cause or has to hear about, each one sentence that says what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["Diverged", "Interrupted", "UserError", "did_you_mean"]

LONG = 40
"""More known words than this are not listed in a sentence."""


class UserError(ValueError):
    """A mistake of the user's: the message is one clear sentence and the command line exits with 2."""


class Diverged(RuntimeError):
    """Training stopped itself: the message is the diagnosis and the command line exits with 3."""


class Interrupted(RuntimeError):
    """What takes long was asked to stop, and what it has done is saved; the command line exits with 130."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A clause naming the nearest known word, or listing the known ones when none is near.

    >>> did_you_mean("wgan-pg", ["wgan", "wgan-gp", "dcgan"])
    'did you mean wgan-gp?'
    >>> did_you_mean("12", map(str, range(10)))
    'known: 0 to 9'
    """
    known = list(known)
    if numbers := _run(known):
        return f"known: {numbers}"
    # Numbers of the same digits have nothing to do with each other.
    wanted = [] if _is_number(word) else [k.lower() for k in known if not _is_number(k)]
    near = difflib.get_close_matches(word.lower(), wanted, n=1, cutoff=0.6)
    if near:
        return f"did you mean {next(k for k in known if k.lower() == near[0])}?"
    if len(known) > LONG:
        return "twoplayer train --help and twoplayer list show what there is"
    return "known: " + ", ".join(known)


def _run(words: list[str]) -> str:
    """``0 to 9`` where the words are three or more whole numbers one after the other; else nothing."""
    if len(words) < 3 or not all(word.isdecimal() for word in words):
        return ""
    numbers = sorted(map(int, words))
    consecutive = numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    return f"{numbers[0]} to {numbers[-1]}" if consecutive else ""


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
