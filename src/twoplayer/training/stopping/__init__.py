"""The family of stopping criteria: by what a run is judged while it trains, one file each, discovered by name."""

from twoplayer.core.registry import Family

__all__ = ["create", "describe", "family", "names"]

family = Family(__name__)
names, create, describe = family.names, family.create, family.describe
