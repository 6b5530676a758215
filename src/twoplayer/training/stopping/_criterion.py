"""The root of the family of stopping criteria, and the view of a run that they judge."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Protocol, TypeVar

import numpy as np

from twoplayer.config.schema import Config
from twoplayer.core.device import DeviceConfig
from twoplayer.data._base import Dataset
from twoplayer.games._factory import ConditioningData
from twoplayer.games._problem import TrainingProblem
from twoplayer.training.build import BuiltGame
from twoplayer.training.ema import EMA

__all__ = ["JudgedRun", "StoppingCriterion", "copy_of"]

T = TypeVar("T")


class JudgedRun(Protocol):
    """A run as it stands, to be judged; the trainer is one."""

    @property
    def config(self) -> Config: ...
    @property
    def dataset(self) -> Dataset: ...
    @property
    def conditioning(self) -> ConditioningData: ...
    @property
    def device_config(self) -> DeviceConfig: ...
    @property
    def built(self) -> BuiltGame: ...
    @property
    def ema(self) -> EMA: ...
    @property
    def stopping_metric(self) -> Callable[[np.ndarray], Sequence[Any]] | None: ...
    @property
    def sample_count(self) -> int: ...
    def sample(self, count: int, purpose: str) -> np.ndarray: ...


class StoppingCriterion(ABC):
    """Judges a run as it stands; lower is better. It leaves the run as it is.

    Args:
        run: the run; the trainer is one.

    Raises:
        UserError: where the criterion cannot judge this run.
    """

    quantity: str
    """What is judged, in words."""
    counts_from_peak: ClassVar[bool] = False
    """Whether the value first rises because the judging network is still being trained."""

    def __init__(self, run: JudgedRun) -> None:
        self.run = run

    @abstractmethod
    def judge(self, step: int) -> tuple[float, float | None]:
        """A value, and its standard error where it is known; every process must ask at once."""


def copy_of(of: T, problem: TrainingProblem) -> T:
    """A copy of a problem, or of what holds one, that shares nothing with it but the device's context."""
    context = getattr(problem.autocast, "__self__", None)
    return copy.deepcopy(of, {id(context): context})
