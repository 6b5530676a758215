"""The root of the two-sample tests, and the record of what one of them found."""

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
MANY = 60
"""Samples of each set whose labels can be ordered in more ways than any level asks for."""


@dataclass(frozen=True)
class TwoSampleTestResult:
    """What one test found."""

    test: str
    statistic: float
    """Larger where the sets differ more; the test's class says what it is."""
    p_value: float
    """Probability of so large a statistic, or a larger one, if both sets come from one distribution."""
    level: float
    reject: bool
    """Whether `p_value` is at most `level`."""
    permutations: int
    seed: int
    details: Mapping[str, float] = field(default_factory=dict)
    """What else the test can tell, such as the width of its kernel."""


@dataclass(frozen=True, eq=False)
class StatisticEvidence:
    """What a test computed of pooled samples."""

    statistics: Array
    """float64 ``(B + 1,)``: of the true labels first, then of their permutations; larger is further apart."""
    shown: float | None = None
    """The statistic to report, where it is another than the first."""
    details: Mapping[str, float] = field(default_factory=dict)


class TwoSampleTest(ABC):
    """Whether two sets of samples come from one distribution, judged by permuting who belongs to which.

    If they do, all orders of the labels are equally likely given the pooled samples, so that the p-value is at most
    the level with at most that probability: for any distribution, any number of samples, any number of permutations
    (Hemerik & Goeman 2018, "Exact testing with random permutations", theorem 2).
    """

    name: ClassVar[str]
    least: ClassVar[int] = 2
    """Fewest samples of each set."""
    most_dimensions: ClassVar[int | None] = None

    @abstractmethod
    def weigh(self, pooled: Pooled) -> StatisticEvidence:
        """The statistic for the true labels and for their permutations."""

    @final
    def objection(self, dimensions: int, fewest: int) -> str | None:
        """Why it cannot compare sets of so many dimensions, the smaller one of `fewest` samples; None where it can."""
        if self.most_dimensions is not None and dimensions > self.most_dimensions:
            return f"takes at most {self.most_dimensions} coordinates, not {dimensions}"
        if fewest < self.least:
            return f"needs at least {self.least} samples of each set, not {fewest}"
        return None

    @final
    def compare(
        self, a: Array, b: Array, *, level: float = 0.05, permutations: int = 500, seed: int = 0
    ) -> TwoSampleTestResult:
        """Test samples ``(n, D)`` against samples ``(m, D)``; n and m may differ.

        `level` in (0, 1) is the probability with which sets from one distribution may be told apart. Raises
        `UserError` for samples that are not finite, too few, or of different dimensions, and where `permutations`
        are too few for the level.
        """
        a, b = _samples("a", a), _samples("b", b)
        if a.shape[1] != b.shape[1]:
            raise UserError(f"a has {a.shape[1]} coordinates and b {b.shape[1]}: compare sets of one kind")
        if (objection := self.objection(a.shape[1], min(len(a), len(b)))) is not None:
            raise UserError(f"{self.name} {objection}: take another test or other samples")
        check_level(level, permutations, (len(a), len(b)))
        found = self.weigh(Pooled.of(a, b, permutations, seed))
        if not np.isfinite(found.statistics).all():
            raise UserError(f"{self.name} overflows on these samples: divide them by their standard deviation")
        p = p_value(found.statistics)
        shown = float(found.statistics[0]) if found.shown is None else found.shown
        return TwoSampleTestResult(self.name, shown, p, level, at_most(p, level), permutations, seed, found.details)


def at_most(p: float, level: float) -> bool:
    """Whether p ≤ level, but for rounding: 7 · (1/140) is 0.05."""
    return p <= level * (1 + ROUNDING)


def check_level(level: float, permutations: int, counts: tuple[int, int], tests: int = 1) -> None:
    """Raise `UserError` unless `tests` tests of sets of those sizes could find a difference at that level.

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
    ways = math.comb(n + m, n) if min(n, m) < MANY else math.inf
    if n == m:  # exchanging the sets changes no statistic
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
