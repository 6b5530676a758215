"""What all tests share: the pooled samples, their labels in many random orders, and the p-value of the true order.

Both sets are pooled in a random order, because whatever looks at positions (folds, subsets, the choice among equally
near neighbours) must not learn from them who belongs to which set.
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
"""Of the largest statistic: what is nearer than that is told apart by rounding alone."""


@dataclass(frozen=True, eq=False)
class Pooled:
    """The samples of both sets in one random order, moved so that their mean is about zero."""

    samples: Array
    """float32 or float64 ``(N, D)``."""
    in_a: Array
    """Whether a sample is of the first set, bool ``(N,)``."""
    permutations: int
    seed: int

    @classmethod
    def of(cls, a: Array, b: Array, permutations: int, seed: int) -> Pooled:
        """Pool samples ``(n, D)`` and ``(m, D)``."""
        together = np.concatenate([a, b]).astype(np.result_type(a, b, np.float32), copy=False)
        # Moving all alike changes no test, and keeps digits: a time since 1970 has few left in its square.
        together = together - together.mean(0, dtype=np.float64).astype(together.dtype)
        order = numpy_generator(seed, "order of the pool").permutation(len(together))
        return cls(together[order], order < len(a), permutations, seed)

    @property
    def counts(self) -> tuple[int, int]:
        """How many samples are of the first and of the second set."""
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
    """(1 + #{b ≥ 1: T_b ≥ T_0}) / (B + 1) for statistics ``(B + 1,)`` whose first is that of the true labels.

    Never zero, since the true labels are one of the orders (Phipson & Smyth 2010, "Permutation p-values should never
    be zero"); ties count against a difference.

    >>> p_value(np.array([3.0, 1.0, 3.0, 5.0]))
    0.75
    """
    slack = TIE * np.abs(statistics).max()
    return float(np.mean(statistics >= statistics[0] - slack))
