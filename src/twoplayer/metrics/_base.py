"""The root of the metric family, and the records that metrics exchange."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Literal, TypeVar

import numpy as np

__all__ = ["Array", "Extracted", "Figure", "Metric", "Modes", "Moments", "Statistics"]

Array = np.ndarray[Any, Any]

View = TypeVar("View", contravariant=True)
Reference = TypeVar("Reference", contravariant=True)


@dataclass(frozen=True)
class Figure:
    """One measured number."""

    name: str
    """States the protocol: metric, extractor and sample count, such as ``fd_classifier_10k``."""
    value: float
    higher_is_better: bool
    real: float | None = None
    """The same figure for held-out real data, the ceiling; None where there are none."""
    real_count: int | None = None
    """How many held-out samples `real` was measured on: fewer than the name says where no more are left."""


@dataclass(frozen=True, eq=False)
class Modes:
    """The separate modes of a density, all with one standard deviation."""

    centres: Array
    """float64 ``(M, D)``."""
    deviation: float
    weights: Array
    """Probability of each mode, float64 ``(M,)``, summing to 1."""


@dataclass(frozen=True, eq=False)
class Extracted:
    """What an extractor with classes saw in N samples; row i belongs to sample i."""

    features: Array
    """float64 ``(N, F)``."""
    log_probabilities: Array
    """Natural logarithm of the predicted class probabilities, float64 ``(N, K)``."""

    def __len__(self) -> int:
        return len(self.features)

    def head(self, count: int) -> Extracted:
        """The first `count` samples, or all where there are fewer."""
        return Extracted(self.features[:count], self.log_probabilities[:count])


@dataclass(frozen=True, eq=False)
class Moments:
    """Mean and covariance of N feature vectors of F dimensions."""

    mean: Array
    """float64 ``(F,)``."""
    covariance: Array
    """float64 ``(F, F)``, unbiased."""
    root: Array | None = None
    """R with RᵀR the covariance, ``(N, F)``, where N < F: the exact root of a singular covariance."""


@dataclass(frozen=True, eq=False)
class Statistics:
    """What is known of the real data as an extractor with classes sees them."""

    moments: Moments
    class_probabilities: Array
    """Mean predicted probability of each class, float64 ``(K,)``."""


class Metric(ABC, Generic[View, Reference]):
    """A number for a set of samples, held against a reference.

    A thin form of the pure function that stands beside it in the member's file. `View` is what is known of
    the samples: points ``(N, D)`` or `Extracted`; `Reference` what is known of the truth: `Modes` or
    `Statistics`.
    """

    figure: ClassVar[str]
    """Name of the figure without the sample count."""
    higher_is_better: ClassVar[bool]
    needs: ClassVar[Literal["density", "classifier"]]
    """Where `View` and `Reference` come from."""

    @abstractmethod
    def measure(self, samples: View, reference: Reference) -> float: ...
