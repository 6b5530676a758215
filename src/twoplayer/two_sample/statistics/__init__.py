"""The family of two-sample tests: one file each, discovered by name."""

from __future__ import annotations

from twoplayer.core.registry import Family

__all__ = ["create", "describe", "family", "names"]

family = Family(__name__)
names, create, describe = family.names, family.create, family.describe
