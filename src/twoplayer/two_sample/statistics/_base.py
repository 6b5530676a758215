"""The root of the two-sample tests, and the record of their results."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, final

import numpy as np

from twoplayer.core.errors import UserError
from twoplayer.core.ranges import Count, OpenShare, within
from twoplayer.two_sample.statistics._permute import Array, Pooled, p_value

__all__ = ["StatisticEvidence", "TwoSampleTest", "TwoSampleTestResult", "at_most", "check_level"]

ROUNDING = 1e-12
MANY_SAMPLES = 60
"""With as many samples of each set the number of labellings exceeds 1 / level for every level."""


@dataclass(frozen=True)
class TwoSampleTestResult:
    """The result of one test."""

    test: str
    statistic: float
    """Larger for larger differences; its definition is that of the test's class."""
    p_value: float
    """Probability of so large a statistic, or a larger one, if both sets come from one distribution."""
    level: float
    reject: bool
    """Whether `p_value` is at most `level`."""
    permutations: int
    seed: int
    details: Mapping[str, float] = field(default_factory=dict)
    """Further results of the test, such as the width of its kernel."""


@dataclass(frozen=True, eq=False)
class StatisticEvidence:
    """The statistic of a test for the true labels and for permuted labels."""

    statistics: Array
    """float64 ``(B + 1,)``: of the true labels first, then of their permutations; larger for larger differences."""
    reported: float | None = None
    """The statistic to report, where it is not the first of `statistics`."""
    details: Mapping[str, float] = field(default_factory=dict)


class TwoSampleTest(ABC):
    """A permutation test of the hypothesis that two sets of samples have one distribution.

    Under the hypothesis all orders of the labels are equally likely given the pooled samples, so that the p-value is at
    most the level with at most that probability: for any distribution, any number of samples, any number of
    permutations (Hemerik & Goeman 2018, "Exact testing with random permutations", theorem 2).
    """

    name: ClassVar[str]
    min_samples: ClassVar[int] = 2
    """Smallest number of samples of each set."""
    max_dimensions: ClassVar[int | None] = None
    """Largest number of coordinates; None for any."""

    @abstractmethod
    def evidence(self, pooled: Pooled) -> StatisticEvidence:
        """The statistic for the true labels and for their permutations."""

    @final
    def objection(self, dimensions: int, smaller_count: int) -> str | None:
        """Why the test does not apply to samples of that dimension and such sets; None where it applies."""
        if self.max_dimensions is not None and dimensions > self.max_dimensions:
            return f"takes at most {self.max_dimensions} coordinates, not {dimensions}"
        if smaller_count < self.min_samples:
            return f"needs at least {self.min_samples} samples of each set, not {smaller_count}"
        return None

    @final
    def compare(
        self, a: Array, b: Array, *, level: float = 0.05, permutations: int = 500, seed: int = 0
    ) -> TwoSampleTestResult:
        """Test two sets of samples.

        Args:
            a: ``(n, D)``.
            b: ``(m, D)``.
            level: probability in (0, 1) of rejecting the hypothesis for sets from one distribution.
            permutations: number of random permutations.
            seed: seed of the permutations.

        Raises:
            UserError: for samples that are not finite, too few, or of different dimensions, and for too few
                permutations for the level.

        >>> from twoplayer.two_sample import statistics
        >>> x = np.arange(40.0)[:, None]
        >>> statistics.create("means").compare(x, x + 30).reject
        True
        """
        a, b = _samples("a", a), _samples("b", b)
        if a.shape[1] != b.shape[1]:
            raise UserError(f"a has {a.shape[1]} coordinates and b {b.shape[1]}: compare sets of one kind")
        if (objection := self.objection(a.shape[1], min(len(a), len(b)))) is not None:
            raise UserError(f"{self.name} {objection}: take another test or other samples")
        check_level(level, permutations, (len(a), len(b)))
        evidence = self.evidence(Pooled.of(a, b, permutations, seed))
        if not np.isfinite(evidence.statistics).all():
            raise UserError(f"{self.name} overflows on these samples: divide them by their standard deviation")
        p = p_value(evidence.statistics)
        statistic = float(evidence.statistics[0]) if evidence.reported is None else evidence.reported
        rejects = at_most(p, level)
        return TwoSampleTestResult(self.name, statistic, p, level, rejects, permutations, seed, evidence.details)


def at_most(p: float, level: float) -> bool:
    """Whether p ≤ level up to rounding, such as that of 7 · (1/140) and 0.05."""
    return p <= level * (1 + ROUNDING)


def check_level(level: float, permutations: int, counts: tuple[int, int], tests: int = 1) -> None:
    """Raise `UserError` unless `tests` tests of sets of those sizes can reject the hypothesis at that level.

    With Holm's correction the smallest p-value must reach level / tests.
    """
    within(OpenShare, level=level)
    within(Count, permutations=permutations)
    among = f" among {tests} tests" if tests > 1 else ""
    if not at_most(tests / (permutations + 1), level):
        needed = math.ceil(tests / level * (1 - ROUNDING)) - 1
        raise UserError(
            f"{permutations} permutations can show no difference at level {level:g}{among}: take at least {needed}"
        )
    n, m = counts
    ways = math.comb(n + m, n) if min(n, m) < MANY_SAMPLES else math.inf
    if n == m:  # statistics are symmetric in the two sets
        ways /= 2
    if not at_most(tests / ways, level):
        raise UserError(
            f"{n} and {m} samples can be divided in {ways:.0f} ways only, which shows no difference at level "
            f"{level:g}{among}: give more samples"
        )


def _samples(name: str, values: Array) -> Array:
    values = np.asarray(values)
    if values.ndim != 2 or values.dtype.kind not in "biuf" or not values.shape[1]:
        raise UserError(
            f"{name} must hold numbers (N, D), not {values.dtype} {values.shape}: give points or features of images"
        )
    with np.errstate(over="ignore"):
        broken = int((~np.isfinite(values.astype(np.float32))).any(axis=1).sum())
    if broken:
        raise UserError(f"{broken} of the {len(values)} samples of {name} are not finite: remove or repair them")
    return values
