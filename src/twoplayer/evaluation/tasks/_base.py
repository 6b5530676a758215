"""The root of the evaluation tasks: to which runs a task applies, which data it needs, and its result."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from twoplayer.metrics._base import Estimate, MetricValue

if TYPE_CHECKING:
    from twoplayer.data._base import Dataset
    from twoplayer.inference.trained_run import TrainedRun

__all__ = ["Array", "EvaluationTask", "TaskContext", "TaskResult", "mean_value"]

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class TaskContext:
    """What a task is measured on.

    Args:
        run: the run.
        dataset: the data set that the run was trained on, with both sides of a translation.
        count: largest number of samples.
        seed: seed of the samples.
        cache: folder of classifiers and other networks that a task trains; None takes $TWOPLAYER_CACHE, else
            ~/.cache/twoplayer.
        progress: callback of progress lines.
    """

    run: TrainedRun
    dataset: Dataset
    count: int
    seed: int
    cache: Path | None = None
    progress: Callable[[str], None] | None = None


@dataclass(frozen=True)
class TaskResult:
    """The values of a task, and sentences that explain them."""

    metric_values: tuple[MetricValue, ...]
    notes: tuple[str, ...] = ()


class EvaluationTask(ABC):
    """A measurement of what a game is for: conditions, texts, encodings, translations.

    A task is measured on a run, where a metric is measured on samples: it needs the run's conditions, texts, encoder or
    translator, and the data that belong to them.
    """

    required_run: ClassVar[str]
    """The runs that it applies to, in words, such as ``a run of pix2pix or cyclegan``."""
    slow: ClassVar[bool] = False
    """Whether it can take minutes: such tasks are measured only where they are named."""

    @abstractmethod
    def applies_to(self, run: TrainedRun) -> bool:
        """Whether the run's game has this task."""

    @abstractmethod
    def missing_data(self, dataset: Dataset) -> str:
        """What the data set lacks for it, as the object of `needs`; empty where nothing is missing."""

    @abstractmethod
    def measure(self, context: TaskContext) -> TaskResult:
        """The values for a run to which the task applies."""


def mean_value(
    quantity: str, values: Array, *, task: str, higher_is_better: bool, real: Array | None = None
) -> MetricValue:
    """The mean of one value per sample, with its standard error.

    Args:
        quantity: name of the quantity, such as ``label_accuracy``.
        values: one value for each sample, ``(N,)``.
        task: name of the task, as ``--metrics`` takes it.
        higher_is_better: direction of improvement.
        real: the same for real samples, ``(M,)``.
    """
    return MetricValue.of(
        quantity,
        len(values),
        _mean(values),
        higher_is_better=higher_is_better,
        real=None if real is None else _mean(real),
        real_count=None if real is None else len(real),
        metric=task,
    )


def _mean(values: Array) -> Estimate:
    error = float(values.std(ddof=1) / len(values) ** 0.5) if len(values) > 1 else None
    return Estimate(float(values.mean()), error)
