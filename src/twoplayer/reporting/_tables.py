"""Settings, environment and measured metrics as tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from twoplayer.core.number_format import format_number, format_tick
from twoplayer.reporting._formatting import better
from twoplayer.reporting._record import RecordedValue, RunRecord

__all__ = ["MetricRow", "SettingGroup", "environment_rows", "flat", "metric_rows", "setting_groups"]


@dataclass(frozen=True)
class SettingGroup:
    """Settings of one section of the config; the title is empty for those outside a section."""

    title: str
    rows: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class MetricRow:
    """One metric as text: its newest and best value, and that of real data."""

    name: str
    newest: str
    best: str
    best_at: str
    real: str
    better: str


def setting_groups(config: Mapping[str, Any]) -> list[SettingGroup]:
    """The config's plain values as one group, then a group for each mapping in it."""
    plain = SettingGroup("", [(key, _value(v)) for key, v in config.items() if not _nested(v)])
    groups = [SettingGroup(str(key), list(flat(v))) for key, v in config.items() if _nested(v)]
    return [group for group in (plain, *groups) if group.rows]


def environment_rows(environment: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Versions and hardware, without the command."""
    return [
        (name.replace("_", " "), value)
        for name, value in flat({k: v for k, v in environment.items() if k != "command"})
    ]


def metric_rows(record: RunRecord) -> list[MetricRow]:
    """A row for each metric measured during training."""
    return [_metric_row(list(group)) for _, group in groupby(record.metric_values, key=lambda value: value.name)]


def _metric_row(values: list[RecordedValue]) -> MetricRow:
    newest = values[-1]
    measured = [v for v in values if v.value is not None and v.value == v.value]
    best = max(measured, key=_goodness, default=newest)
    return MetricRow(
        name=newest.name,
        newest=format_number(newest.value),
        best=format_number(best.value),
        best_at=format_tick(best.images_seen),
        real=format_number(next((v.real for v in reversed(values) if v.real is not None), None)),
        better=better(newest.higher_is_better),
    )


def _goodness(measured: RecordedValue) -> float:
    """Larger for better values."""
    value = measured.value or 0.0
    if measured.higher_is_better is None:
        return -abs(value - (measured.real or 0.0))
    return value if measured.higher_is_better else -value


def flat(mapping: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Every value of nested mappings as text, with its dotted path.

    >>> list(flat({"optimizer": {"name": "adam", "beta1": 0.5}}))
    [('optimizer.name', 'adam'), ('optimizer.beta1', '0.5')]
    """
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
