"""The family of priors: the distribution of the latents, one file each, discovered by name."""

from twoplayer.core.registry import Family

__all__ = ["create", "describe", "family", "names"]

family = Family(__name__)
names, create, describe = family.names, family.create, family.describe
