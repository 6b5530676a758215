"""The family of optimizers: how a gradient becomes a step, one file each, discovered by name."""

from twoplayer.core.registry import Family

__all__ = ["create", "describe", "family", "names"]

family = Family(__name__)
names, create, describe = family.names, family.create, family.describe
