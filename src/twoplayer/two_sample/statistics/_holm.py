"""Holm's correction: what several tests say together."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["holm"]


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """P-values corrected for their number: what is at most the level may be rejected, all of them at once.

    The i-th smallest of k is multiplied by k − i + 1, never falls below the ones before it and never exceeds 1
    (Holm 1979, "A simple sequentially rejective multiple test procedure"). The tests may depend on each other.

    >>> holm([0.01, 0.04, 0.03])
    (0.03, 0.06, 0.06)
    """
    corrected, highest = [0.0] * len(p_values), 0.0
    for place, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (len(p_values) - place) * p_values[index]))
        corrected[index] = highest
    return tuple(corrected)
