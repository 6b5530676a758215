"""Holm's correction of p-values for the number of tests."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["holm"]


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Corrected p-values: rejecting all that are at most the level controls the probability of any false rejection.

    The i-th smallest of k is multiplied by k − i + 1, then made non-decreasing and limited to 1
    (Holm 1979, "A simple sequentially rejective multiple test procedure"). The tests may be dependent.

    >>> holm([0.01, 0.04, 0.03])
    (0.03, 0.06, 0.06)
    """
    corrected, highest = [0.0] * len(p_values), 0.0
    for place, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (len(p_values) - place) * p_values[index]))
        corrected[index] = highest
    return tuple(corrected)
