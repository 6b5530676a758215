"""The root of the metric family, and the records that metrics exchange."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Generic, Literal, TypeVar

import numpy as np

from twoplayer.metrics._records import Array, Estimate, Moments

__all__ = [
    "Array",
    "Estimate",
    "FeatureSet",
    "Metric",
    "MetricValue",
    "Modes",
    "Moments",
    "Need",
    "ReferenceFeatures",
    "ReferenceParts",
    "SharedReference",
]


T = TypeVar("T")
View = TypeVar("View", contravariant=True)
Reference = TypeVar("Reference", contravariant=True)

Need = Literal["density", "classes", "features", "copies", "stacked"]
"""Where a metric's view and reference come from: see `Metric`."""


@dataclass(frozen=True)
class MetricValue:
    """One measured number."""

    name: str
    """States the protocol: metric, extractor and sample count, such as ``fd_classifier_10k``."""
    value: float
    higher_is_better: bool | None
    """None where the real data's own figure is the best one."""
    real: float | None = None
    """The same figure for held-out real data, the ceiling; None where there are none."""
    real_count: int | None = None
    """How many held-out samples `real` was measured on: fewer than the name says where no more are left."""
    error: float | None = None
    """Standard error of `value`."""
    real_error: float | None = None
    """Standard error of `real`."""


@dataclass(frozen=True, eq=False)
class Modes:
    """The separate modes of a density, all with one standard deviation."""

    centres: Array
    """float64 ``(M, D)``."""
    deviation: float
    weights: Array
    """Probability of each mode, float64 ``(M,)``, summing to 1."""


@dataclass(frozen=True, eq=False)
class FeatureSet:
    """What an extractor saw in N samples; row i belongs to sample i."""

    features: Array
    """float32 or float64 ``(N, F)``."""
    log_probabilities: Array | None = None
    """Natural logarithm of the predicted class probabilities, float64 ``(N, K)``; None without classes."""

    def __len__(self) -> int:
        return len(self.features)

    @property
    def logs(self) -> Array:
        """`log_probabilities` of an extractor with classes. Raises `ValueError` for one without."""
        if self.log_probabilities is None:
            raise ValueError("this extractor has no classes")
        return self.log_probabilities

    def head(self, count: int) -> FeatureSet:
        """The first `count` samples, or all where there are fewer."""
        logs = self.log_probabilities
        return FeatureSet(self.features[:count], None if logs is None else logs[:count])


@dataclass(frozen=True, eq=False)
class SharedReference:
    """A reference that remembers what several metrics need of the same samples, so that it is computed once."""

    _kept: dict[str, tuple[Any, Any]] = field(default_factory=dict, init=False, repr=False)

    def shared(self, name: str, samples: Any, compute: Callable[[], T]) -> T:
        """What `compute` gives for `samples`, out of memory where the last call of that `name` had the same object."""
        before = self._kept.get(name)
        if before is None or before[0] is not samples:
            before = self._kept[name] = (samples, compute())
        return before[1]  # type: ignore[no-any-return]


@dataclass(frozen=True, eq=False)
class ReferenceFeatures(SharedReference):
    """Real data as an extractor sees them: the reference of metrics on features and on classes."""

    seen: FeatureSet
    """Of M real samples, in random order."""
    of_all: Moments | None = None
    """Moments of more real samples than those M, where they are known."""
    probabilities_of_all: Array | None = None
    """Mean predicted probability of each class in more real samples than those M, ``(K,)``, where it is known."""

    @property
    def features(self) -> Array:
        """``(M, F)``."""
        return self.seen.features

    @cached_property
    def moments(self) -> Moments:
        """Of all real samples that are known."""
        from twoplayer.metrics._frechet import moments

        return moments(self.features) if self.of_all is None else self.of_all

    @cached_property
    def class_probabilities(self) -> Array:
        """Mean predicted probability of each class, float64 ``(K,)``. Raises `ValueError` without classes."""
        if self.probabilities_of_all is not None:
            return self.probabilities_of_all
        return np.asarray(np.exp(self.seen.logs).mean(0))


@dataclass(frozen=True, eq=False)
class ReferenceParts(SharedReference):
    """Features of real data in the part that was trained on and the part that was held out."""

    train: Array
    """``(M, F)``."""
    held_out: Array
    """``(H, F)``."""


class Metric(ABC, Generic[View, Reference]):
    """A number for a set of samples, held against a reference.

    A thin form of the pure function that stands beside it in the member's file. What it gets follows from
    `needs`:

    ========== ============================== ===================================================
    needs      samples                        reference
    ========== ============================== ===================================================
    density    points ``(N, D)``              `Modes` of the exact density
    classes    `FeatureSet`, with classes      `ReferenceFeatures`, with classes
    features   features ``(N, F)``            `ReferenceFeatures`
    copies     features ``(N, F)``            `ReferenceParts`
    stacked    modes ``(N,)``                 probabilities ``(1000,)`` of the modes of stacked digits
    ========== ============================== ===================================================

    `ReferenceFeatures.seen` holds as many real samples as there are samples, or all where there are fewer;
    `ReferenceParts` holds all.
    Metrics that need the same costly thing of both take it from ``reference.shared(name, samples, compute)``: all
    metrics get the same objects.
    """

    figure: ClassVar[str]
    """Name of the figure without extractor and sample count, such as ``fd``."""
    higher_is_better: ClassVar[bool | None]
    """None where the real data's own figure is the best one."""
    needs: ClassVar[Need]
    least: ClassVar[int] = 2
    """Fewest samples for which it is defined."""
    protocol: ClassVar[int] = 10_000
    """How many samples the published protocol takes; with fewer it is another figure."""
    slow: ClassVar[bool] = False
    """Whether it takes minutes at that count: it then is measured only where it is asked for by name."""
    alone: ClassVar[bool] = False
    """Whether the reference plays no part in it."""

    @abstractmethod
    def measure(self, samples: View, reference: Reference) -> Estimate: ...
