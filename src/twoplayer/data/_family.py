"""The family itself, for the members that look each other up."""

from __future__ import annotations

from twoplayer.core.registry import Family

__all__ = ["ARRAY", "create", "describe", "family", "names"]

ARRAY = "array"
"""What `spell` and `short_name` say for data that are in memory only."""

family = Family("twoplayer.data", root="twoplayer.data._base:Source")
names, create, describe = family.names, family.create, family.describe
