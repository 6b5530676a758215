"""The family itself, for the members that look each other up."""

from __future__ import annotations

from twoplayer.core.objects import OBJECT_PREFIX
from twoplayer.core.registry import Family

__all__ = ["ARRAY", "OBJECT", "SUBSET_TEXT", "create", "describe", "family", "in_memory_words", "is_in_memory", "names"]

ARRAY = "array"
"""The name under which a config records an array in memory."""
OBJECT = OBJECT_PREFIX
"""What the name of any other object in memory starts with: ``object:MODULE:CLASS``."""
SUBSET_TEXT = "All data that are read rather than drawn: `subset` is the number of training samples to take at random."
"""What ``twoplayer list data NAME`` says of the option that sources share."""

family = Family("twoplayer.data", root="twoplayer.data._base:Source")
names, create, describe = family.names, family.create, family.describe


def is_in_memory(name: str) -> bool:
    """Whether the data that a config calls `name` were an object in memory, which cannot be opened by name.

    >>> is_in_memory("array"), is_in_memory("object:my_module:MyDataset"), is_in_memory("digits")
    (True, True, False)
    """
    return name == ARRAY or name.startswith(OBJECT)


def in_memory_words(name: str) -> str:
    """What the data that a config calls `name` were in memory, for messages.

    >>> in_memory_words("array"), in_memory_words("object:my_module:MyDataset")
    ('an array in memory', 'an object of the class my_module:MyDataset in memory')
    """
    return "an array in memory" if name == ARRAY else f"an object of the class {name.removeprefix(OBJECT)} in memory"
