"""Ranges of settings and options as people read them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

__all__ = ["bounds"]

SIGNS = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}


def bounds(field: Any) -> Iterator[str]:
    """What a pydantic field demands of a number: ``>= 1``, ``< 10``."""
    for bound in field.metadata:
        yield from (f"{sign} {getattr(bound, name)}" for name, sign in SIGNS.items() if hasattr(bound, name))
