"""The root of the aims: which runs one is asked of, what it needs, and what it comes to."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from twoplayer.metrics._base import MetricValue

if TYPE_CHECKING:
    from twoplayer.data._base import Dataset
    from twoplayer.inference.trained_run import TrainedRun

__all__ = ["Array", "EvaluationTask", "TaskContext", "TaskResult", "mean_figure"]

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class TaskContext:
    """What an aim is measured on."""

    run: TrainedRun
    dataset: Dataset
    """What the run was trained on, both sides of a translation."""
    count: int
    """How many samples, at most."""
    seed: int
    cache: Path | None = None
    """Where judges that had to be trained are kept; None takes $TWOPLAYER_CACHE, else ~/.cache/twoplayer."""
    say: Callable[[str], None] | None = None


@dataclass(frozen=True)
class TaskResult:
    """Figures, and what has to be said of them, a sentence each."""

    figures: tuple[MetricValue, ...]
    notes: tuple[str, ...] = ()


class EvaluationTask(ABC):
    """What a game is for, and how near a run comes to it.

    Aims are measured on whole runs, where metrics are measured on samples: they need the run's conditions, texts,
    encoder or translator, and the data that belong to them.
    """

    wants: ClassVar[str]
    """Which runs it is asked of, such as ``a run of pix2pix or cyclegan``."""
    slow: ClassVar[bool] = False
    """Whether it can take minutes: it then is measured only where it is asked for by name."""

    @abstractmethod
    def serves(self, run: TrainedRun) -> bool:
        """Whether the run's game has this aim."""

    @abstractmethod
    def obstacle(self, dataset: Dataset) -> str:
        """What the data lack for it, in words that follow `needs`; empty where nothing."""

    @abstractmethod
    def measure(self, asked: TaskContext) -> TaskResult: ...


def mean_figure(name: str, values: Array, *, higher_is_better: bool, real: Array | None = None) -> MetricValue:
    """The mean of one value for each sample, ``(N,)``, with its standard error, and beside it real samples' own."""
    return MetricValue(
        name, float(values.mean()), higher_is_better, None if real is None else float(real.mean()),
        None if real is None else len(real), _error(values), None if real is None else _error(real),
    )  # fmt: skip


def _error(values: Array) -> float | None:
    return float(values.std(ddof=1) / len(values) ** 0.5) if len(values) > 1 else None
