"""The family of games: one file each, discovered by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twoplayer.core.registry import Family, lazy_attributes

if TYPE_CHECKING:
    from twoplayer.games._base import Game as Game
    from twoplayer.games._base import Loss as Loss
    from twoplayer.games._factory import ConfigurableGame as ConfigurableGame
    from twoplayer.games._factory import GameFactory as GameFactory

__all__ = ["ConfigurableGame", "Game", "GameFactory", "Loss", "create", "describe", "family", "names"]

family = Family(__name__, root="twoplayer.games._factory:ConfigurableGame")
names, create, describe = family.names, family.create, family.describe
__getattr__ = lazy_attributes(
    __name__, {"ConfigurableGame": "_factory", "Game": "_base", "GameFactory": "_factory", "Loss": "_base"}
)
