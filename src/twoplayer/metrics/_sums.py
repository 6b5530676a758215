"""What some metrics need of their samples, as sums that add up over batches and processes.

The same lines serve numpy arrays and torch tensors, in float64 and on any device.

Source: Chan, Golub, LeVeque, 1983, Algorithms for computing the sample variance: analysis and recommendations,
section 2.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, TypeVar, final

__all__ = ["LabelSums", "MomentSums", "Sums"]

S = TypeVar("S", bound="Sums")


class Sums(ABC):
    """A summary of some samples; the sum of two is that of all their samples."""

    @classmethod
    @abstractmethod
    def of(cls: type[S], rows: Any) -> S:
        """The summary of rows ``(N, F)``, float64 and N at least 1."""

    @abstractmethod
    def __add__(self: S, other: S) -> S: ...


@final
@dataclass(frozen=True, eq=False)
class MomentSums(Sums):
    """Where feature vectors lie and how far they scatter."""

    count: Any
    """Shape ``()``."""
    mean: Any
    """``(F,)``."""
    scatter: Any
    """Σ (x - mean)(x - mean)ᵀ, ``(F, F)``, summed about the mean so that a far origin costs no digits."""

    @classmethod
    def of(cls, rows: Any) -> MomentSums:
        mean = rows.mean(0)
        gaps = rows - mean
        return cls(len(rows), mean, gaps.T @ gaps)

    def __add__(self, other: MomentSums) -> MomentSums:
        # Chan, Golub, LeVeque 1983, equations 2.1
        count, step = self.count + other.count, other.mean - self.mean
        apart = step[:, None] * step * (self.count * other.count / count)
        return MomentSums(count, self.mean + step * (other.count / count), self.scatter + other.scatter + apart)


@final
@dataclass(frozen=True, eq=False)
class LabelSums(Sums):
    """Which classes are predicted, and how surely."""

    count: Any
    """Shape ``()``."""
    probabilities: Any
    """Σ p(y|x), ``(K,)``."""
    negentropy: Any
    """Σ Σ p(y|x) log p(y|x) in nats, shape ``()``."""

    @classmethod
    def of(cls, rows: Any) -> LabelSums:
        """Of log-probabilities ``(N, K)``."""
        probabilities = math.e**rows
        # where p is 0 its logarithm is -∞ and p log p is 0
        negentropy = (probabilities * rows.clip(-800.0)).sum()
        return cls(len(rows), probabilities.sum(0), negentropy)

    def __add__(self, other: LabelSums) -> LabelSums:
        return LabelSums(
            self.count + other.count,
            self.probabilities + other.probabilities,
            self.negentropy + other.negentropy,
        )
