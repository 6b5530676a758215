"""Schedules: numbers of a config that change while training goes on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from twoplayer.core.errors import UserError

__all__ = ["KEYS", "Schedule", "ScheduleShape", "initial", "is_schedule", "peak"]

KEYS = ("from", "to", "start", "over", "shape")
"""What a config may say of a schedule."""


class ScheduleShape(ABC):
    """A curve from 0 at 0 to 1 at 1."""

    @abstractmethod
    def __call__(self, progress: float) -> float:
        """The share of the change that is done.

        Args:
            progress: share of the schedule's span that has passed, in [0, 1].

        Returns:
            A number in [0, 1].
        """


@dataclass(frozen=True)
class Schedule:
    """A number that goes from one value to another over a share of the run.

    Args:
        first: the value until `start`.
        last: the value from `start` + `over` on.
        start: share of the run after which the change begins, in [0, 1].
        over: share of the run that the change takes, in (0, 1].
        shape: the curve between the two values.

    >>> from twoplayer import schedules
    >>> falling = Schedule(1.0, 0.0, start=0.5, over=0.5, shape=schedules.create("linear"))
    >>> [falling.at(share) for share in (0.0, 0.5, 0.75, 1.0)]
    [1.0, 1.0, 0.5, 0.0]
    """

    first: float
    last: float
    start: float
    over: float
    shape: ScheduleShape

    def at(self, fraction: float) -> float:
        """The value after a share of the run.

        Args:
            fraction: share of the run that is done, in [0, 1].
        """
        progress = min(1.0, max(0.0, (fraction - self.start) / self.over))
        return self.first + (self.last - self.first) * self.shape(progress)

    @classmethod
    def of(cls, name: str, document: Mapping[str, Any]) -> Schedule:
        """The schedule that a config spells, such as ``{from: 0.9, to: 0.99, over: 0.5, shape: cosine}``.

        Args:
            name: the setting, for messages.
            document: ``from`` and ``to``; optional ``start`` (0), ``over`` (what is left of the run) and ``shape``
                (linear).

        Raises:
            UserError: for unknown keys, missing values, and shares outside their ranges.
        """
        from twoplayer import schedules

        unknown = [str(key) for key in document if key not in KEYS]
        if unknown or "from" not in document or "to" not in document:
            raise UserError(
                f"{name} is a schedule such as {{from: 0.9, to: 0.99, over: 0.5, shape: cosine}}, with from and to, "
                f"and if wanted start, over and shape; it has {', '.join(map(str, document)) or 'nothing'}"
            )
        numbers: dict[str, float] = {}
        start = document.get("start", 0.0)
        for key, value in {**document, "start": start, "over": document.get("over", 1.0)}.items():
            if key == "shape":
                continue
            try:
                numbers[key] = float(value)
            except (TypeError, ValueError):
                raise UserError(f"{name}.{key} must be a number, not {value!r}") from None
        if "over" not in document:
            numbers["over"] = 1 - numbers["start"]
        if not (0 <= numbers["start"] < 1 and 0 < numbers["over"] <= 1):
            raise UserError(f"{name} must start in [0, 1) and last over a share in (0, 1] of the run")
        shape: ScheduleShape = schedules.create(str(document.get("shape", "linear")))
        return cls(numbers["from"], numbers["to"], numbers["start"], numbers["over"], shape)


def is_schedule(value: Any) -> bool:
    """Whether a setting's value spells a schedule.

    >>> is_schedule({"from": 1, "to": 0}), is_schedule(0.5), is_schedule({"name": "adam"})
    (True, False, False)
    """
    return isinstance(value, Mapping) and "from" in value and "to" in value


def initial(value: Any) -> float:
    """The value that a number or a schedule begins with.

    >>> initial(0.5), initial({"from": 1, "to": 0})
    (0.5, 1.0)
    """
    return float(value["from"]) if is_schedule(value) else float(value)


def peak(value: Any) -> float:
    """The larger end of a schedule, or the number itself.

    >>> peak(0.5), peak({"from": 0, "to": 1})
    (0.5, 1.0)
    """
    return max(float(value["from"]), float(value["to"])) if is_schedule(value) else float(value)
