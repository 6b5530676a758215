"""The family of networks: one file each, discovered by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twoplayer.core.registry import Family, lazy_attributes

if TYPE_CHECKING:
    from twoplayer.networks._base import Architecture as Architecture
    from twoplayer.networks._base import Critic as Critic
    from twoplayer.networks._base import Encoder as Encoder
    from twoplayer.networks._base import Generator as Generator

__all__ = ["Architecture", "Critic", "Encoder", "Generator", "create", "describe", "family", "names"]

family = Family(__name__, root="twoplayer.networks._base:Architecture")
names, create, describe = family.names, family.create, family.describe
__getattr__ = lazy_attributes(
    __name__, {"Architecture": "_base", "Critic": "_base", "Encoder": "_base", "Generator": "_base"}
)
