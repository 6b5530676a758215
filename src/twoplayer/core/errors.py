"""The errors that a user can cause or has to hear about, each one sentence that says what to do."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

__all__ = ["Diverged", "Interrupted", "UserError", "did_you_mean", "spelled"]

MAX_LISTED_WORDS = 40
"""More known words than this are not listed in a sentence."""
MARKED_SETTING = re.compile(r"`([a-z][\w.+-]*)(?:=([^`]+))?`")
"""A setting between backticks: its name, and its value where one is given."""


class _MarkedMessage(Exception):
    """A message whose settings are marked so that every interface can spell them in its own way.

    A setting stands between backticks, as Python spells it: ``set `early_stopping="plateau"` or lower `steps```. The
    text that ``str()`` gives drops the backticks; the command line prints flags (`spelled`).

    Args:
        what: what is wrong, one clause.
        where: the setting, file or line that it is about, which goes before `what`.
        settings: names and values of settings to try, which go after it.

    >>> error = UserError("the critic has diverged", settings=[("learning_rate", 1e-4), ("regularizers", "r1")])
    >>> str(error)
    "the critic has diverged: set learning_rate=0.0001 or regularizers='r1'"
    >>> error.text
    "the critic has diverged: set `learning_rate=0.0001` or `regularizers='r1'`"
    """

    def __init__(self, what: str, *, where: object = None, settings: Sequence[tuple[str, Any]] = ()) -> None:
        super().__init__(what)
        self.what, self.where, self.settings = what, where, tuple(settings)

    @property
    def text(self) -> str:
        """The whole message, settings between backticks."""
        place = "" if self.where is None else f"{self.where}: "
        advice = " or ".join(f"`{name}={value!r}`" for name, value in self.settings)
        return f"{place}{self.what}{f': set {advice}' if advice else ''}"

    def __str__(self) -> str:
        return spelled(self.text)


class UserError(_MarkedMessage, ValueError):
    """A mistake of the user's: the message is one clear sentence and the command line exits with 2.

    Several mistakes come in one error, a line each: `UserError.several`.
    """

    @classmethod
    def several(cls, mistakes: Iterable[UserError | str]) -> UserError:
        """One error that tells all mistakes, each once, a line each."""
        lines = [mistake.text if isinstance(mistake, UserError) else mistake for mistake in mistakes]
        return cls("\n".join(dict.fromkeys(lines)))


class Diverged(_MarkedMessage, RuntimeError):
    """Training stopped itself: the message is the diagnosis and the command line exits with 3."""


class Interrupted(_MarkedMessage, RuntimeError):
    """A long computation was asked to stop, and its results so far are saved; the command line exits with 130."""


def spelled(text: str, spell: Callable[[str, str | None], str] | None = None) -> str:
    """A message with the settings that stand between backticks as `spell` writes them, by default as Python does.

    Args:
        text: the message.
        spell: takes a setting's name, and its value as Python spells it or None, and returns what to write.

    >>> spelled("give `steps` or set `prior='normal'`")
    "give steps or set prior='normal'"
    >>> spelled("set `batch_size=64`", lambda name, value: f"{name} to {value}")
    'set batch_size to 64'
    """

    def replacement(match: re.Match[str]) -> str:
        name, value = match.group(1), match.group(2)
        if spell is not None:
            return spell(name, value)
        return name if value is None else f"{name}={value}"

    return MARKED_SETTING.sub(replacement, text)


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
    if len(known) > MAX_LISTED_WORDS:
        return "twoplayer list shows the names"
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
