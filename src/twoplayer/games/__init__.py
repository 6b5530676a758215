"""The family of games and other training problems: one file each, discovered by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twoplayer.core.registry import Family, lazy_attributes

if TYPE_CHECKING:
    from twoplayer.games._adversarial import AdversarialGame as AdversarialGame
    from twoplayer.games._factory import GameFactory as GameFactory
    from twoplayer.games._factory import ModuleFactory as ModuleFactory
    from twoplayer.games._problem import Loss as Loss
    from twoplayer.games._problem import SinglePlayerProblem as SinglePlayerProblem
    from twoplayer.games._problem import TrainingProblem as TrainingProblem

__all__ = [
    "AdversarialGame",
    "GameFactory",
    "Loss",
    "ModuleFactory",
    "SinglePlayerProblem",
    "TrainingProblem",
    "create",
    "describe",
    "family",
    "names",
]

family = Family(__name__, root="twoplayer.games._problem:TrainingProblem")
__getattr__ = lazy_attributes(
    __name__,
    {
        "AdversarialGame": "_adversarial",
        "GameFactory": "_factory",
        "Loss": "_problem",
        "ModuleFactory": "_factory",
        "SinglePlayerProblem": "_problem",
        "TrainingProblem": "_problem",
    },
)
names, create, describe = family.names, family.create, family.describe
