"""Counts and figures as people read them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from twoplayer.core.number_format import format_number
from twoplayer.metrics._base import MetricValue

__all__ = ["count_label", "sample_count", "table"]

DIRECTION = {True: "higher", False: "lower", None: "like real"}


def sample_count(kind: Literal["images", "points"]) -> int:
    """How many samples the published protocols measure: 10,000 images, 2,500 points."""
    return 10_000 if kind == "images" else 2_500


def count_label(count: int) -> str:
    """A sample count as figures' names state it.

    >>> count_label(10_000), count_label(2_500)
    ('10k', '2500')
    """
    return f"{count // 1000}k" if count and count % 1000 == 0 else str(count)


def table(figures: Sequence[MetricValue]) -> list[str]:
    """The figures with their errors, the real data's own beside them, and which way is better: a line each."""
    counts = {f.real_count for f in figures if f.real_count is not None}
    of = f" ({counts.pop():,})" if len(counts) == 1 else ""
    rows = [("", "value", f"held-out real data{of}", "better")]
    for f in figures:
        few = f" ({f.real_count:,})" if not of and f.real_count is not None else ""
        rows.append(
            (
                f.name,
                format_number(f.value, f.error, ascii=True),
                format_number(f.real, f.real_error, ascii=True) + few,
                DIRECTION[f.higher_is_better],
            )
        )
    name, value, real, _ = (max(map(len, column)) for column in zip(*rows, strict=True))
    return [f"  {a:<{name}}  {b:>{value}}  {c:>{real}}  {d}".rstrip() for a, b, c, d in rows]
