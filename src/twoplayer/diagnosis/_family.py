"""The registry of failure modes, for modules that need every member."""

from __future__ import annotations

from twoplayer.core.registry import Family

__all__ = ["create", "describe", "family", "names"]

family = Family("twoplayer.diagnosis")
names, create, describe = family.names, family.create, family.describe
