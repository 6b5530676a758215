"""Sums over samples that add up over batches and processes.

The same code works on numpy arrays and torch tensors, in float64 and on any device.

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
    """A summary of a set of samples; the sum of two summaries is that of the union."""

    @classmethod
    @abstractmethod
    def of(cls: type[S], rows: Any) -> S:
        """The summary of rows ``(N, F)``, float64 and N at least 1."""

    @abstractmethod
    def __add__(self: S, other: S) -> S: ...


@final
@dataclass(frozen=True, eq=False)
class MomentSums(Sums):
    """Count, mean and scatter matrix of feature vectors."""

    count: Any
    """Shape ``()``."""
    mean: Any
    """``(F,)``."""
    scatter: Any
    """Σ (x - mean)(x - mean)ᵀ, ``(F, F)``, summed about the mean to avoid cancellation."""

    @classmethod
    def of(cls, rows: Any) -> MomentSums:
        mean = rows.mean(0)
        gaps = rows - mean
        return cls(len(rows), mean, gaps.T @ gaps)

    def __add__(self, other: MomentSums) -> MomentSums:
        # Chan, Golub, LeVeque 1983, equations 2.1
        count, step = self.count + other.count, other.mean - self.mean
        between = step[:, None] * step * (self.count * other.count / count)
        return MomentSums(count, self.mean + step * (other.count / count), self.scatter + other.scatter + between)


@final
@dataclass(frozen=True, eq=False)
class LabelSums(Sums):
    """Sums of predicted class probabilities and of their entropies."""

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
        # p log p is 0 where p is 0 and its logarithm -∞
        negentropy = (probabilities * rows.clip(-800.0)).sum()
        return cls(len(rows), probabilities.sum(0), negentropy)

    def __add__(self, other: LabelSums) -> LabelSums:
        return LabelSums(
            self.count + other.count,
            self.probabilities + other.probabilities,
            self.negentropy + other.negentropy,
        )
