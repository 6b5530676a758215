"""The family of schedule shapes: how a number goes from one value to another, one file each, discovered by name."""

from twoplayer.core.registry import Family

__all__ = ["create", "describe", "family", "names"]

family = Family(__name__)
names, create, describe = family.names, family.create, family.describe
