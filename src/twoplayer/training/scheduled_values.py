"""Numbers of a config that are schedules, applied to the objects that use them before every step."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from twoplayer.config.schema import Config
from twoplayer.core.errors import UserError
from twoplayer.games._adversarial import AdversarialGame
from twoplayer.schedules._base import Schedule, is_schedule
from twoplayer.training.build import BuiltGame, optimizer_maker
from twoplayer.training.ema import EMA

__all__ = ["ScheduledValues"]

Setter = Callable[[float], None]


class ScheduledValues:
    """All schedules of a config; `apply` sets every scheduled number to its value at a share of the run.

    Args:
        config: the run's settings.
        built: the problem and algorithm that were built of it.
        ema: the average of the sampler.

    Raises:
        UserError: for a schedule of an option that is used once, when its part is built.
    """

    def __init__(self, config: Config, built: BuiltGame, ema: EMA) -> None:
        self.config, self.built, self.ema = config, built, ema
        self._schedules = [*self._of_ema(), *self._of_optimizer(), *self._of_parts()]
        settings = config.optimizer
        self._learning_rates = {
            player: _schedule("learning_rate", settings.critic_learning_rate)
            if player == "critic" and settings.critic_learning_rate is not None
            else _schedule("learning_rate", settings.learning_rate)
            for player in built.problem.players
        }

    def apply(self, fraction: float) -> None:
        """Set every scheduled number to its value after that share of the run.

        Args:
            fraction: share of the run that is done, in [0, 1].
        """
        self.built.algorithm.set_lr_scale(self.lr_scale(fraction))
        for schedule, setter in self._schedules:
            setter(schedule.at(fraction))

    def lr_scale(self, fraction: float) -> dict[str, float]:
        """Each player's factor of the learning rate that its optimizer was made with.

        1 until the share `lr_decay_start` of the run, then linearly down to 0 at its end (Zhu et al. 2017, section 4,
        with one half), times the schedule of the rate itself.
        """
        start = self.config.optimizer.lr_decay_start
        decay = 1.0 if fraction <= start else (1 - fraction) / (1 - start)
        return {
            player: decay if schedule is None else decay * schedule.at(fraction) / max(schedule.first, schedule.last)
            for player, schedule in self._learning_rates.items()
        }

    def _of_ema(self) -> Iterator[tuple[Schedule, Setter]]:
        schedule = _schedule("ema_decay", self.config.ema_decay)
        if schedule is not None:
            yield schedule, lambda value: setattr(self.ema, "decay", value)

    def _of_optimizer(self) -> Iterator[tuple[Schedule, Setter]]:
        maker, optimizers = optimizer_maker(self.config), self.built.algorithm.optimizers
        for name, value in self.config.optimizer.options.items():
            schedule = _schedule(name, value)
            if schedule is None:
                continue
            if name not in maker.group_options:
                raise UserError(f"{self.config.optimizer.name}'s {name} is used once, and cannot be a schedule")

            def set_option(number: float, name: str = name) -> None:
                for optimizer in optimizers.values():
                    for group in optimizer.param_groups:
                        group.update(maker.group_values({name: number}))

            yield schedule, set_option

    def _of_parts(self) -> Iterator[tuple[Schedule, Setter]]:
        problem, algorithm = self.built.problem, self.built.algorithm
        yield from self._of_part("game", self.config.game, lambda name, value: _set_option(problem, name, value))
        objective = problem.objective if isinstance(problem, AdversarialGame) else None
        for path, part, holder in (
            ("algorithm", self.config.algorithm, algorithm),
            ("objective", self.config.objective, objective),
            ("generator", self.config.generator, None),
            ("critic", self.config.critic, None),
        ):
            yield from self._of_part(path, part, _attribute_setter(path, holder))
        if isinstance(problem, AdversarialGame):
            for name, options in self.config.regularizers.items():
                regularizer = problem.regularizer(name)
                yield from self._of_part(name, options, _attribute_setter(name, regularizer))

    def _of_part(
        self, path: str, part: Mapping[str, Any], set_value: Callable[[str, float], None]
    ) -> Iterator[tuple[Schedule, Setter]]:
        for name, value in part.items():
            schedule = None if name == "name" else _schedule(f"{path}.{name}", value)
            if schedule is not None:
                set_value(name, schedule.first)  # refuses what cannot change
                yield schedule, lambda number, name=name: set_value(name, number)  # type: ignore[misc]


def _schedule(name: str, value: Any) -> Schedule | None:
    return Schedule.of(name, value) if is_schedule(value) else None


def _set_option(problem: Any, name: str, value: float) -> None:
    """A game's option: it reads its options anew in every loss."""
    if not dataclasses.is_dataclass(getattr(problem, "options", None)) or not hasattr(problem.options, name):
        raise UserError(f"game.{name} is used once, when the game is built, and cannot be a schedule")
    problem.options = dataclasses.replace(problem.options, **{name: value})


def _attribute_setter(path: str, holder: Any) -> Callable[[str, float], None]:
    """Sets an attribute that the holder declares as schedulable; whole numbers are rounded."""

    def set_value(name: str, value: float) -> None:
        if name not in getattr(type(holder), "schedulable", ()):
            raise UserError(f"{path}.{name} is used once, when its part is built, and cannot be a schedule")
        whole = isinstance(getattr(holder, name), int)
        setattr(holder, name, round(value) if whole else value)

    return set_value
