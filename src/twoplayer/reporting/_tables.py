"""Nested settings and measured figures as tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from twoplayer.reporting._formatting import better, figure, short
from twoplayer.reporting._record import RecordedValue, RunRecord

__all__ = ["FigureRow", "Group", "environment_rows", "figure_rows", "flat", "setting_groups"]


@dataclass(frozen=True)
class Group:
    """Settings that belong together; the title is empty for those that stand alone."""

    title: str
    rows: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class FigureRow:
    """One metric: its newest and best value, the real data's, and which way is better."""

    name: str
    newest: str
    best: str
    best_at: str
    real: str
    better: str


def setting_groups(config: Mapping[str, Any]) -> list[Group]:
    """The config's top-level values as one group, then a group for each mapping in it."""
    alone = Group("", [(key, _value(v)) for key, v in config.items() if not _nested(v)])
    groups = [Group(str(key), list(flat(v))) for key, v in config.items() if _nested(v)]
    return [group for group in (alone, *groups) if group.rows]


def environment_rows(environment: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Versions and hardware, without the command, which stands on its own."""
    return [
        (name.replace("_", " "), value)
        for name, value in flat({k: v for k, v in environment.items() if k != "command"})
    ]


def figure_rows(record: RunRecord) -> list[FigureRow]:
    """A row for each metric measured."""
    return [_figure_row(list(group)) for _, group in groupby(record.figures, key=lambda f: f.name)]


def _figure_row(figures: list[RecordedValue]) -> FigureRow:
    newest = figures[-1]
    measured = [f for f in figures if f.value is not None and f.value == f.value]
    best = max(measured, key=_goodness, default=newest)
    return FigureRow(
        name=newest.name,
        newest=figure(newest.value),
        best=figure(best.value),
        best_at=short(best.images_seen),
        real=figure(next((f.real for f in reversed(figures) if f.real is not None), None)),
        better=better(newest.higher_is_better),
    )


def _goodness(measured: RecordedValue) -> float:
    value = measured.value or 0.0
    if measured.higher_is_better is None:
        return -abs(value - (measured.real or 0.0))
    return value if measured.higher_is_better else -value


def flat(mapping: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Every value in words, by its path."""
    for key, value in mapping.items():
        if _nested(value):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", _value(value)


def _nested(value: Any) -> bool:
    return isinstance(value, Mapping) and bool(value)


def _value(value: Any) -> str:
    match value:
        case None | [] | {}:
            return "none"
        case bool():
            return str(value).lower()
        case list():
            return ", ".join(_value(v) for v in value)
        case Mapping():
            return ", ".join(f"{k}: {_value(v)}" for k, v in value.items())
    return str(value)
