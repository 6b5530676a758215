"""The family of extractors: one file each, discovered by name. They turn samples into features."""

from __future__ import annotations

from twoplayer.core.registry import Family

__all__ = ["create", "describe", "family", "names"]

family = Family(__name__)
names, create, describe = family.names, family.create, family.describe
