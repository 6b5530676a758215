"""The drawings of a comparison: figures over training, quality against diversity, sweeps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from twoplayer.comparison.load_runs import ProgressPoint
from twoplayer.comparison.table import ComparisonRow, ComparisonTable, MetricColumn
from twoplayer.comparison.table_formats import number
from twoplayer.pages.plot_style import COLOURS, DASHES, house_style, sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Plot", "draw_course", "draw_sweeps", "draw_trade", "drawings"]

MARKERS = "osD^vP*X<>hp"
CURVES = 3
"""Figures that are drawn over training."""
TRADES = (
    ("precision", "recall"), ("density", "coverage"), ("inception_score", "diversity_score"),
    ("high_quality_share", "modes_covered"), ("high_quality_share", "mode_kl"),
)  # fmt: skip
"""Quality and diversity, the first pair that the runs have."""
PLACES = 60
"""Places along training at which runs are averaged."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Plot:
    """A picture and the words that stand for it where it cannot be seen."""

    title: str
    caption: str
    figure: Figure
    narrow: bool = False


def drawings(table: ComparisonTable) -> list[Plot]:
    """All that can be drawn of a table."""
    if not table.columns:
        return []
    with house_style():
        found = [draw_course(table, column) for column in table.columns[:CURVES]]
        return [d for d in [*found, draw_trade(table), *draw_sweeps(table)] if d is not None]


# ---------------------------------------------------------------------- over training


def draw_course(table: ComparisonTable, column: MetricColumn) -> Plot | None:
    """A figure over images seen and over seconds: means, and bands from the least to the greatest of the runs."""
    rows = [row for row in table.rows if any(column.name in run.course for run in row.runs)]
    if not rows:
        return None
    figure, axes = sheet(1, 2, width=10.0, height=3.6, sharey=True)
    values = [v for row in rows for v in _draw_row(axes, row, column, table.rows.index(row))]
    for axis, name in zip(axes, (f"{table.kind} seen", "seconds of training"), strict=True):
        _ceiling(axis, column)
        axis.set_xlabel(name)
        axis.set_xlim(left=0)
        axis.xaxis.set_major_formatter(lambda x, _: _short(x))
        axis.locator_params(axis="x", nbins=6)
    _scale(axes[0], [*values, *([] if column.real is None else [column.real])])
    axes[0].set_ylabel(column.name)
    _legend(figure, axes[0], len(rows))
    told = "; ".join(f"{row.label} ends at {number(cell.mean)}" for row in rows if (cell := row.cells.get(column.name)))
    caption = (
        f"{column.name} ({column.better}): lines are means over runs, bands reach from least to greatest. {told}"
        f"{'' if column.real is None else f'; held-out real data {number(column.real)}'}."
    )
    return Plot(f"{column.name} over training", caption, figure)


def _draw_row(axes: Sequence[Axes], row: ComparisonRow, column: MetricColumn, place: int) -> list[float]:
    courses = [run.course[column.name] for run in row.runs if column.name in run.course]
    course = _together(courses, "seconds" if (row.runs[0].budget or ("",))[0] == "max_time" else "images_seen")
    if course is None:
        return []
    style, y = _style(place), course.values
    for axis, x in zip(axes, (course.images_seen, course.seconds), strict=True):
        axis.plot(x, y.mean(0), **style, markevery=max(1, len(x) // 6), label=row.label)
        if len(y) > 1:
            axis.fill_between(x, y.min(0), y.max(0), color=style["color"], alpha=0.15, linewidth=0)
    return [float(v) for v in y.ravel()]


@dataclass(frozen=True)
class _MetricCurves:
    """A figure of several runs at the same places of training: means of both clocks, and values ``(runs, places)``."""

    images_seen: Floats
    seconds: Floats
    values: Floats


def _together(courses: Sequence[Sequence[ProgressPoint]], clock: str) -> _MetricCurves | None:
    """What runs reached at equal places along `clock`, the one that their budget is counted by."""
    finite = [[p for p in course if math.isfinite(p.value)] for course in courses]
    finite = [course for course in finite if course]
    if not finite:
        return None
    ticks = [np.array([float(getattr(p, clock)) for p in course]) for course in finite]
    first, last = max(t[0] for t in ticks), min(t[-1] for t in ticks)
    x = ticks[0] if len(ticks) == 1 else np.linspace(first, max(first, last), PLACES)

    def at(what: str) -> Floats:
        known = zip(ticks, finite, strict=True)
        return np.array([np.interp(x, t, [float(getattr(p, what)) for p in course]) for t, course in known])

    return _MetricCurves(at("images_seen").mean(0), at("seconds").mean(0), at("value"))


def _short(value: float) -> str:
    """A tick: 200k, 1.5M."""
    for size, suffix in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.4g}{suffix}"
    return f"{value:.4g}"


def _ceiling(axis: Axes, column: MetricColumn) -> None:
    if column.real is not None and math.isfinite(column.real):
        axis.axhline(column.real, color="#21201d", linestyle=(0, (1, 2)), linewidth=1.2, label="held-out real data")


def _scale(axis: Axes, values: Sequence[float]) -> None:
    """By logarithm where positive values reach over more than two powers of ten."""
    finite = [v for v in values if math.isfinite(v)]
    if finite and min(finite) > 0 and max(finite) > 100 * min(finite):
        axis.set_yscale("log")


# ---------------------------------------------------------------------- quality against diversity


def draw_trade(table: ComparisonTable) -> Plot | None:
    """Quality against diversity: a large marker for each row's mean, small ones for its runs."""
    pair = _pair(table.columns)
    if pair is None:
        return None
    quality, diversity = pair
    figure, (axis,) = sheet(1, 1, width=6.4, height=4.4)
    told = []
    for place, row in enumerate(table.rows):
        runs = [run.scores for run in row.runs if quality.name in run.scores and diversity.name in run.scores]
        points = np.array([(scores[diversity.name].value, scores[quality.name].value) for scores in runs]).reshape(
            -1, 2
        )
        points = points[np.isfinite(points).all(1)]
        if not len(points):
            continue
        style, mean = _style(place), points.mean(0)
        axis.plot(*points.T, style["marker"], color=style["color"], markersize=4, alpha=0.5)
        axis.plot(*mean, style["marker"], color=style["color"], markersize=10, markeredgecolor="white", label=row.label)
        told.append(f"{row.label}: {number(mean[1])} and {number(mean[0])}")
    if not told:
        return None
    if quality.real is not None and diversity.real is not None:
        axis.plot(diversity.real, quality.real, "+", color="#21201d", markersize=12, label="held-out real data")
    axis.set_xlabel(f"diversity: {diversity.name} ({diversity.better})")
    axis.set_ylabel(f"quality: {quality.name}")
    _legend(figure, axis, len(table.rows))
    caption = (
        f"{quality.name} against {diversity.name}, small markers for runs, large ones for means. {'; '.join(told)}."
    )
    return Plot("Quality against diversity", caption, figure, narrow=True)


def _pair(columns: Sequence[MetricColumn]) -> tuple[MetricColumn, MetricColumn] | None:
    for quality, diversity in TRADES:
        first = next((c for c in columns if c.name.startswith(quality)), None)
        second = next((c for c in columns if c.name.startswith(diversity)), None)
        if first is not None and second is not None:
            return first, second
    return None


# ---------------------------------------------------------------------- factors


def draw_sweeps(table: ComparisonTable) -> list[Plot]:
    """The first figure against every factor that takes numbers, with bootstrap intervals."""
    column = table.columns[0]
    found = []
    for factor in dict.fromkeys(key for row in table.rows for key in row.factors):
        lines = _lines(table, column, factor)
        if any(len(line) > 1 for line in lines.values()):
            found.append(_draw_sweep(column, factor, lines))
    return found


def _lines(table: ComparisonTable, column: MetricColumn, factor: str) -> dict[str, list[tuple[float, Any]]]:
    """By method and other factors: the factor's values in order, and their cells."""
    lines: dict[str, list[tuple[float, Any]]] = {}
    for row in table.rows:
        value, cell = _asnumber(row.factors.get(factor)), row.cells.get(column.name)
        if value is not None and cell is not None:
            others = [f"{k}={v}" for k, v in row.factors.items() if k != factor]
            lines.setdefault(" ".join([row.runs[0].config.method, *others]), []).append((value, cell))
    return {label: sorted(line, key=lambda at: at[0]) for label, line in sorted(lines.items())}


def _draw_sweep(column: MetricColumn, factor: str, lines: dict[str, list[tuple[float, Any]]]) -> Plot:
    figure, (axis,) = sheet(1, 1, width=6.4, height=3.8)
    told = []
    for place, (label, line) in enumerate(lines.items()):
        x, means = [value for value, _ in line], [cell.mean for _, cell in line]
        style = _style(place)
        axis.plot(x, means, **style, label=label)
        lows = [cell.mean if cell.low is None else cell.low for _, cell in line]
        highs = [cell.mean if cell.high is None else cell.high for _, cell in line]
        axis.fill_between(x, lows, highs, color=style["color"], alpha=0.15, linewidth=0)
        told.append(f"{label} goes from {number(means[0])} to {number(means[-1])}")
    _ceiling(axis, column)
    axis.set_xlabel(factor)
    axis.set_ylabel(f"{column.name} ({column.better})")
    _legend(figure, axis, len(lines))
    caption = f"{column.name} against {factor}; bands are 95 % bootstrap intervals of the mean. {'; '.join(told)}."
    return Plot(f"The effect of {factor}", caption, figure, narrow=True)


def _asnumber(value: Any) -> float | None:
    try:
        return None if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return None


# ---------------------------------------------------------------------- style


def _style(place: int) -> dict[str, Any]:
    """Colour, dash and marker: no two rows share all three, and the first eight none."""
    return {
        "color": COLOURS[place % len(COLOURS)],
        "linestyle": DASHES[(place + place // len(COLOURS)) % len(DASHES)],
        "marker": MARKERS[place % len(MARKERS)],
        "markersize": 5,
    }


def _legend(figure: Figure, axis: Axes, count: int) -> None:
    """Beneath the axes, where it hides nothing."""
    handles, labels = axis.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(4, max(1, count + 1)), fontsize=9)
