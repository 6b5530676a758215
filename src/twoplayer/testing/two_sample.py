"""The contract of two-sample tests: a valid level, a p-value that finds a clear difference, and reproducibility."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import stats

from twoplayer.testing._member import Member

__all__ = ["check_two_sample_test"]

Array = np.ndarray[Any, Any]
LEVEL = 0.05
RELIABILITY = 0.999
"""Probability with which a valid test passes the check of its level."""


def check_two_sample_test(
    test: Any,
    *,
    repetitions: int = 60,
    statistic_depends_on_order: bool = False,
    **options: Any,
) -> None:
    """Check the contract of a two-sample test.

    A clear difference gets the least p-value that the permutations allow; sets of one distribution are told apart with
    at most the level's frequency; the seed decides the outcome; the statistic depends on neither the order of the
    samples nor which set is the first.

    Args:
        test: a registered name, a class, or an object.
        repetitions: how many pairs of sets of one distribution the level is checked on.
        statistic_depends_on_order: whether the statistic depends on the order of samples, as that of a trained
            classifier does.
        options: keyword arguments of the constructor.

    Raises:
        AssertionError: where the contract is broken; the message says what was expected.
    """
    member = Member.of("two-sample-tests", test, options=options)
    made = member.make()
    member.require(isinstance(made.name, str) and made.name, "name must be a text")
    width = min(2, made.max_dimensions or 2)
    a, b = _normal(60, width, 0), _normal(45, width, 1)
    with member.raises_nothing("compare"), member.keeps_global_random_state("compare"):
        clear = made.compare(a, 3 * b + 2, level=0.1, permutations=99, seed=7)
    member.require(
        clear.reject and math.isclose(clear.p_value, 1 / 100),
        f"a clear difference must have the p-value 1/100 with 99 permutations, not {clear.p_value:g}",
    )
    recorded = (clear.test, clear.level, clear.permutations, clear.seed)
    expected = (made.name, 0.1, 99, 7)
    member.require(recorded == expected, f"the result must record {expected}, not {recorded}")
    member.require(
        math.isfinite(clear.statistic) and all(map(math.isfinite, clear.details.values())),
        "statistic and details must be finite",
    )
    first = made.compare(a, b, permutations=199)
    member.require(
        first == member.make().compare(a.copy(), b.copy(), permutations=199), "the same seed must give the same outcome"
    )
    if not statistic_depends_on_order:
        for change, pair in (("the order of the sets", (b, a)), ("the order of samples", (a[::-1], b))):
            changed = made.compare(*pair, permutations=199).statistic
            member.require(
                math.isclose(changed, first.statistic, rel_tol=1e-9),
                f"{change} must not change the statistic {first.statistic!r} to {changed!r}",
            )
    equal = made.compare(np.full((20, width), 7.0), np.full((30, width), 7.0), permutations=99)
    member.require(not equal.reject, "samples that are all equal must not be told apart")
    _check_level(member, width, repetitions)


def _normal(count: int, width: int, seed: int) -> Array:
    return np.random.default_rng(seed).standard_normal((count, width))


def _check_level(member: Member, width: int, repetitions: int) -> None:
    test, rejections = member.make(), 0
    for seed in range(repetitions):
        random = np.random.default_rng(seed)
        sets = random.standard_normal((25, width)), random.standard_normal((25, width))
        rejections += test.compare(*sets, level=LEVEL, permutations=39, seed=seed).reject
    most = int(stats.binom.interval(RELIABILITY, repetitions, LEVEL)[1])
    member.require(
        rejections <= most,
        f"{rejections} of {repetitions} pairs of sets of one distribution are told apart at level {LEVEL}: at most "
        f"{most} are by chance",
    )
