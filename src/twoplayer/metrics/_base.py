"""The root of the metric family, and the records that metrics take and return."""

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
    "count_label",
]

T = TypeVar("T")
View = TypeVar("View", contravariant=True)
Reference = TypeVar("Reference", contravariant=True)

Need = Literal["density", "classes", "features", "copies", "stacked"]
"""What a metric takes as samples and as reference: see `Metric`."""


@dataclass(frozen=True)
class MetricValue:
    """One measured number with its standard error and its protocol."""

    name: str
    """The printed name: quantity and sample count, such as ``fd_classifier_10k``."""
    value: float
    higher_is_better: bool | None
    """None where the value of real data is the best one."""
    real: float | None = None
    """The same quantity of held-out real data; None where none are held out."""
    real_count: int | None = None
    """Number of held-out samples behind `real`; may be smaller than `count`."""
    error: float | None = None
    """Standard error of `value`."""
    real_error: float | None = None
    """Standard error of `real`."""
    quantity: str = ""
    """The printed name without the sample count, such as ``fd_classifier`` or ``label_accuracy``."""
    metric: str | None = None
    """The metric with its options or the evaluation task, as ``--metrics`` takes it; None for path lengths."""
    extractor: str | None = None
    """The label of the extractor; None where the value does not depend on one."""
    count: int | None = None
    """Number of samples behind `value`."""

    @classmethod
    def of(
        cls,
        quantity: str,
        count: int,
        estimate: Estimate,
        *,
        higher_is_better: bool | None,
        real: Estimate | None = None,
        real_count: int | None = None,
        metric: str | None = None,
        extractor: str | None = None,
    ) -> MetricValue:
        """A value whose printed name follows from quantity and sample count.

        >>> MetricValue.of("fd_pixels", 10_000, Estimate(1.5), higher_is_better=False, metric="fd").name
        'fd_pixels_10k'
        """
        return cls(
            f"{quantity}_{count_label(count)}",
            estimate.value,
            higher_is_better,
            None if real is None else real.value,
            None if real is None else real_count,
            estimate.error,
            None if real is None else real.error,
            quantity,
            metric,
            extractor,
            count,
        )


def count_label(count: int) -> str:
    """A sample count as in the names of metric values.

    >>> count_label(10_000), count_label(2_500)
    ('10k', '2500')
    """
    return f"{count // 1000}k" if count and count % 1000 == 0 else str(count)


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
    """Features of N samples and, for extractors with classes, log-probabilities; row i belongs to sample i."""

    features: Array
    """float32 or float64 ``(N, F)``."""
    log_probabilities: Array | None = None
    """Natural logarithm of the predicted class probabilities, float64 ``(N, K)``; None without classes."""

    def __len__(self) -> int:
        return len(self.features)

    @property
    def logs(self) -> Array:
        """`log_probabilities`, checked. Raises `ValueError` where the extractor has no classes."""
        if self.log_probabilities is None:
            raise ValueError("this extractor has no classes")
        return self.log_probabilities

    def head(self, count: int) -> FeatureSet:
        """The first `count` samples, or all where there are fewer."""
        logs = self.log_probabilities
        return FeatureSet(self.features[:count], None if logs is None else logs[:count])


@dataclass(frozen=True, eq=False)
class SharedReference:
    """A reference with a cache for intermediate results that several metrics need of the same samples."""

    _cache: dict[str, tuple[Any, Any]] = field(default_factory=dict, init=False, repr=False)

    def shared(self, name: str, samples: Any, compute: Callable[[], T]) -> T:
        """The result of `compute`, or of the last call with this `name` if it had the same object `samples`."""
        entry = self._cache.get(name)
        if entry is None or entry[0] is not samples:
            entry = self._cache[name] = (samples, compute())
        return entry[1]  # type: ignore[no-any-return]


@dataclass(frozen=True, eq=False)
class ReferenceFeatures(SharedReference):
    """Features of real data: the reference of metrics that need features or classes.

    Args:
        feature_set: features of M real samples, in random order.
        all_moments: moments of a larger set of real samples that contains those M; None takes theirs.
        all_class_probabilities: mean predicted probability of each class in that larger set, ``(K,)``.
    """

    feature_set: FeatureSet
    all_moments: Moments | None = None
    all_class_probabilities: Array | None = None

    @property
    def features(self) -> Array:
        """``(M, F)``."""
        return self.feature_set.features

    @cached_property
    def moments(self) -> Moments:
        """`all_moments`, or those of the M samples."""
        from twoplayer.metrics._frechet import moments

        return moments(self.features) if self.all_moments is None else self.all_moments

    @cached_property
    def class_probabilities(self) -> Array:
        """Mean predicted probability of each class, float64 ``(K,)``. Raises `ValueError` without classes."""
        if self.all_class_probabilities is not None:
            return self.all_class_probabilities
        return np.asarray(np.exp(self.feature_set.logs).mean(0))


@dataclass(frozen=True, eq=False)
class ReferenceParts(SharedReference):
    """Features of the training part and of the held-out part of real data."""

    train: Array
    """``(M, F)``."""
    held_out: Array
    """``(H, F)``."""


class Metric(ABC, Generic[View, Reference]):
    """A number for a set of samples, relative to a reference.

    A thin wrapper of the pure function in the same file. Its arguments follow from `needs`:

    ========== ============================== ===================================================
    needs      samples                        reference
    ========== ============================== ===================================================
    density    points ``(N, D)``              `Modes` of the exact density
    classes    `FeatureSet`, with classes      `ReferenceFeatures`, with classes
    features   features ``(N, F)``            `ReferenceFeatures`
    copies     features ``(N, F)``            `ReferenceParts`
    stacked    modes ``(N,)``                 probabilities ``(1000,)`` of the modes of stacked digits
    ========== ============================== ===================================================

    `ReferenceFeatures.feature_set` holds as many real samples as there are samples, or all where there are fewer;
    `ReferenceParts` holds all. All metrics get the same objects, so that metrics with a costly intermediate result in
    common compute it once, by ``reference.shared(name, samples, compute)``.

    >>> from twoplayer import metrics
    >>> reference = ReferenceFeatures(FeatureSet(np.eye(4)))
    >>> metrics.create("fd").measure(np.eye(4), reference).value < 1e-9
    True
    """

    name: ClassVar[str]
    """Its part of the names of metric values, such as ``fd``: the member's name with underscores."""
    higher_is_better: ClassVar[bool | None]
    """None where the value of real data is the best one."""
    needs: ClassVar[Need]
    min_samples: ClassVar[int] = 2
    """Smallest number of samples for which it is defined."""
    protocol_samples: ClassVar[int] = 10_000
    """Number of samples of the published protocol; values for fewer samples are not comparable with it."""
    slow: ClassVar[bool] = False
    """Whether it takes minutes at that count: such metrics are measured only where they are named."""
    ignores_reference: ClassVar[bool] = False
    """Whether the value does not depend on the reference."""

    @abstractmethod
    def measure(self, samples: View, reference: Reference) -> Estimate:
        """The value for `samples`, in the form that `needs` states. Raises `UserError` for too few samples."""
