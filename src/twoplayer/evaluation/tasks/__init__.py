"""The family of aims: what a game is for beyond samples like the data, one file each, discovered by name."""

from __future__ import annotations

from twoplayer.core.registry import Family

__all__ = ["create", "describe", "family", "names"]

family = Family(__name__)
names, create, describe = family.names, family.create, family.describe
