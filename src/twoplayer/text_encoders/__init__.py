"""The family of text encoders: sentences to vectors that a generator can be told what to make by."""

from __future__ import annotations

from twoplayer.core.registry import Family

__all__ = ["create", "describe", "family", "names"]

family = Family(__name__)
names, create, describe = family.names, family.create, family.describe
