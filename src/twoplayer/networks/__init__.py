"""The family of networks: one file each, discovered by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twoplayer.core.registry import Family, lazy_attributes

if TYPE_CHECKING:
    from twoplayer.networks._base import Architecture as Architecture
    from twoplayer.networks._base import Critic as Critic
    from twoplayer.networks._base import Encoder as Encoder
    from twoplayer.networks._base import FeatureCritic as FeatureCritic
    from twoplayer.networks._base import Generator as Generator
    from twoplayer.networks._base import MappedGenerator as MappedGenerator

__all__ = [
    "Architecture",
    "Critic",
    "Encoder",
    "FeatureCritic",
    "Generator",
    "MappedGenerator",
    "create",
    "describe",
    "family",
    "names",
]

family = Family(__name__, root="twoplayer.networks._base:Architecture")
names, create, describe = family.names, family.create, family.describe
__getattr__ = lazy_attributes(
    __name__,
    dict.fromkeys(["Architecture", "Critic", "Encoder", "FeatureCritic", "Generator", "MappedGenerator"], "_base"),
)
