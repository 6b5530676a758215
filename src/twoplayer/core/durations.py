"""Durations as people write them, in seconds."""

from __future__ import annotations

import re
from typing import Any

__all__ = ["UNITS", "seconds"]

WORDS = {1: "s sec secs second seconds", 60: "m min mins minute minutes", 3600: "h hr hrs hour hours",
         86_400: "d day days"}  # fmt: skip
UNITS = {word: size for size, words in WORDS.items() for word in words.split()}
"""Seconds in a unit, by every word for it."""


def seconds(value: Any) -> Any:
    """Seconds from ``"10min"``, ``"10 minutes"``, ``"1h30m"`` or a number of seconds; anything but text as it is.

    Raises `ValueError` for other text.

    >>> seconds("10min"), seconds("1h30min"), seconds("10 minutes"), seconds(90)
    (600.0, 5400.0, 600.0, 90)
    """
    if not isinstance(value, str):
        return value
    text = value.strip().lower()
    pieces, rest = re.findall(r"([\d.]+)\s*([a-z]*)", text), re.sub(r"([\d.]+)\s*([a-z]*)\s*", "", text)
    try:
        if pieces and not rest:
            return sum(float(number) * (UNITS[unit] if unit else 1) for number, unit in pieces)
    except (KeyError, ValueError):
        pass
    raise ValueError("must be a time such as 90s, 10min or 1.5h")
