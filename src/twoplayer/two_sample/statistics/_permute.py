"""Pooled samples, permutations of their labels, and p-values.

Both sets are pooled in a random order, so that computations that depend on positions (folds, subsets, the choice among
equally near neighbours) do not depend on the labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from twoplayer.core.rng import numpy_generator

__all__ = ["Array", "Pooled", "labellings", "p_value"]

Array = np.ndarray[Any, Any]

TIE = 1e-10
"""Differences below this share of the largest statistic count as ties."""


@dataclass(frozen=True, eq=False)
class Pooled:
    """The samples of both sets in one random order, shifted to a mean of about zero."""

    samples: Array
    """float32 or float64 ``(N, D)``."""
    in_a: Array
    """Which samples belong to the first set, bool ``(N,)``."""
    permutations: int
    seed: int

    @classmethod
    def of(cls, a: Array, b: Array, permutations: int, seed: int) -> Pooled:
        """Pool samples ``(n, D)`` and ``(m, D)``."""
        pooled = np.concatenate([a, b]).astype(np.result_type(a, b, np.float32), copy=False)
        # A common shift changes no test and avoids cancellation in squares of large numbers.
        pooled = pooled - pooled.mean(0, dtype=np.float64).astype(pooled.dtype)
        order = numpy_generator(seed, "order of the pool").permutation(len(pooled))
        return cls(pooled[order], order < len(a), permutations, seed)

    @property
    def counts(self) -> tuple[int, int]:
        """Numbers of samples of the first and of the second set."""
        first = int(self.in_a.sum())
        return first, len(self.in_a) - first

    @cached_property
    def labels(self) -> Array:
        """`labellings` of all samples."""
        return labellings(self.in_a, self.permutations, numpy_generator(self.seed, "labels"))


def labellings(in_a: Array, permutations: int, random: np.random.Generator) -> Array:
    """The labels `in_a` in column 0 and in a random order in each other column, bool ``(N, permutations + 1)``."""
    rows = np.repeat(in_a[None, :], permutations + 1, axis=0)
    random.permuted(rows[1:], axis=1, out=rows[1:])
    return np.ascontiguousarray(rows.T)


def p_value(statistics: Array) -> float:
    """(1 + #{b ≥ 1: T_b ≥ T_0}) / (B + 1) for statistics ``(B + 1,)`` of which the first is for the true labels.

    It is never 0, because the true labels are one of the orders (Phipson & Smyth 2010, "Permutation p-values should
    never be zero"); ties increase it.

    >>> p_value(np.array([3.0, 1.0, 3.0, 5.0]))
    0.75
    """
    slack = TIE * np.abs(statistics).max()
    return float(np.mean(statistics >= statistics[0] - slack))
