"""Messages as the command line prints them: settings as flags."""

from __future__ import annotations

from twoplayer.core.errors import spelled

__all__ = ["as_flag", "with_flags"]

SWITCHES = frozenset({"json", "overwrite"})
"""Flags that take no value."""


def with_flags(text: str) -> str:
    """A message with its settings as flags.

    >>> with_flags("the critic has diverged: set `learning_rate=0.0001` or `regularizers='r1'`")
    'the critic has diverged: set --learning-rate 0.0001 or --regularizers r1'
    """
    return spelled(text, as_flag)


def as_flag(name: str, value: str | None = None) -> str:
    """A setting, and its value as Python spells it, as a flag.

    >>> as_flag("seeds", "[0, 7, 42]"), as_flag("overwrite", "True"), as_flag("optimizer.beta1")
    ('--seeds 0,7,42', '--overwrite', '--optimizer.beta1')
    """
    flag = f"--{name.replace('_', '-')}"
    if value is None or (value == "True" and name in SWITCHES):
        return flag
    words = value.strip("[]()").replace("'", "").replace('"', "").replace(", ", ",")
    return f"{flag} {words.lower() if words in ('True', 'False', 'None') else words}"
