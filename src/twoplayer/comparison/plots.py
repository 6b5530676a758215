"""The plots of a comparison: metrics over training, quality against diversity, metrics over a varied setting."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from twoplayer.comparison.load_runs import ProgressPoint
from twoplayer.comparison.table import ComparisonCell, ComparisonRow, ComparisonTable, MetricColumn
from twoplayer.core.number_format import format_number, format_tick
from twoplayer.pages.plot_style import COLOURS, DASHES, INK_COLOUR, house_style, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Plot", "plot_quality_and_diversity", "plot_sweeps", "plot_training", "table_plots"]

MARKERS = "osD^vP*X<>hp"
MAX_TRAINING_PLOTS = 3
"""Metrics that are plotted over training."""
QUALITY_AND_DIVERSITY = (
    ("precision", "recall"), ("density", "coverage"), ("inception_score", "diversity_score"),
    ("high_quality_share", "modes_covered"), ("high_quality_share", "mode_kl"),
)  # fmt: skip
"""Beginnings of the names of metrics; the first pair that the runs have is plotted."""
MEAN_POSITIONS = 60
"""Positions along training at which runs are averaged."""
LOGARITHMIC_RATIO = 100
"""Largest over smallest value from which on a positive metric has a logarithmic axis."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Plot:
    """A plot with its caption, which is also its text alternative."""

    title: str
    caption: str
    figure: Figure
    narrow: bool = False


def table_plots(table: ComparisonTable) -> list[Plot]:
    """All plots of a table."""
    if not table.columns:
        return []
    with house_style():
        over_training = [plot_training(table, column) for column in table.columns[:MAX_TRAINING_PLOTS]]
        plots = [*over_training, plot_quality_and_diversity(table), *plot_sweeps(table)]
        return [plot for plot in plots if plot is not None]


# ---------------------------------------------------------------------- over training


def plot_training(table: ComparisonTable, column: MetricColumn) -> Plot | None:
    """A metric over images seen and over seconds: means of the runs, with bands from the smallest to the largest value.

    Returns:
        None if no run has measured the metric during training.
    """
    rows = [row for row in table.rows if any(column.name in run.curves for run in row.runs)]
    if not rows:
        return None
    figure, axes = new_figure(1, 2, width=10.0, height=3.6, sharey=True)
    values = [v for row in rows for v in _plot_row(axes, row, column, table.rows.index(row))]
    for axis, xlabel in zip(axes, (f"{table.kind} seen", "seconds of training"), strict=True):
        _draw_real_level(axis, column)
        axis.set_xlabel(xlabel)
        axis.set_xlim(left=0)
        axis.xaxis.set_major_formatter(lambda x, _: format_tick(x))
        axis.locator_params(axis="x", nbins=6)
    finite = [v for v in [*values, *([] if column.real is None else [column.real])] if math.isfinite(v)]
    if finite and min(finite) > 0 and max(finite) > LOGARITHMIC_RATIO * min(finite):
        axes[0].set_yscale("log")
    axes[0].set_ylabel(column.name)
    _draw_legend(figure, axes[0], len(rows))
    ends = "; ".join(
        f"{row.label} ends at {format_number(cell.mean)}" for row in rows if (cell := row.cells.get(column.name))
    )
    real = "" if column.real is None else f"; held-out real data {format_number(column.real)}"
    caption = (
        f"{column.name} ({column.direction}): lines are means over runs, bands reach from the smallest to the largest "
        f"value. {ends}{real}."
    )
    return Plot(f"{column.name} over training", caption, figure)


def _plot_row(axes: Sequence[Axes], row: ComparisonRow, column: MetricColumn, index: int) -> list[float]:
    """Plot the runs of a row over both clocks, and return all values."""
    curves = [run.curves[column.name] for run in row.runs if column.name in run.curves]
    timed = row.runs[0].budget is not None and row.runs[0].budget[0] == "max_time"
    mean_curves = _aligned(curves, "seconds" if timed else "images_seen")
    if mean_curves is None:
        return []
    style, y = _row_style(index), mean_curves.values
    for axis, x in zip(axes, (mean_curves.images_seen, mean_curves.seconds), strict=True):
        axis.plot(x, y.mean(0), **style, markevery=max(1, len(x) // 6), label=row.label)
        if len(y) > 1:
            axis.fill_between(x, y.min(0), y.max(0), color=style["color"], alpha=0.15, linewidth=0)
    return [float(v) for v in y.ravel()]


@dataclass(frozen=True)
class _MetricCurves:
    """A metric of several runs at the same positions of training."""

    images_seen: Floats
    """Means over runs, ``(positions,)``."""
    seconds: Floats
    values: Floats
    """``(runs, positions)``."""


def _aligned(
    curves: Sequence[Sequence[ProgressPoint]], clock: Literal["images_seen", "seconds"]
) -> _MetricCurves | None:
    """Interpolate curves to the same positions along `clock`, by which the runs' budget is counted."""
    finite = [[p for p in curve if math.isfinite(p.value)] for curve in curves]
    finite = [curve for curve in finite if curve]
    if not finite:
        return None
    positions = [np.array([float(getattr(p, clock)) for p in curve]) for curve in finite]
    first, last = max(x[0] for x in positions), min(x[-1] for x in positions)
    x = positions[0] if len(positions) == 1 else np.linspace(first, max(first, last), MEAN_POSITIONS)

    def interpolated(name: str) -> Floats:
        known = zip(positions, finite, strict=True)
        return np.array([np.interp(x, at, [float(getattr(p, name)) for p in curve]) for at, curve in known])

    return _MetricCurves(interpolated("images_seen").mean(0), interpolated("seconds").mean(0), interpolated("value"))


def _draw_real_level(axis: Axes, column: MetricColumn) -> None:
    if column.real is not None and math.isfinite(column.real):
        axis.axhline(column.real, color=INK_COLOUR, linestyle=(0, (1, 2)), linewidth=1.2, label="held-out real data")


# ---------------------------------------------------------------------- quality against diversity


def plot_quality_and_diversity(table: ComparisonTable) -> Plot | None:
    """Quality against diversity: a large marker for each row's mean, small ones for its runs; None without a pair."""
    pair = _quality_and_diversity(table.columns)
    if pair is None:
        return None
    quality, diversity = pair
    figure, (axis,) = new_figure(1, 1, width=6.4, height=4.4)
    means = []
    for index, row in enumerate(table.rows):
        runs = [run.scores for run in row.runs if quality.name in run.scores and diversity.name in run.scores]
        points = [(scores[diversity.name].value, scores[quality.name].value) for scores in runs]
        array = np.array(points).reshape(-1, 2)
        array = array[np.isfinite(array).all(1)]
        if not len(array):
            continue
        style, mean = _row_style(index), array.mean(0)
        axis.plot(*array.T, style["marker"], color=style["color"], markersize=4, alpha=0.5)
        axis.plot(*mean, style["marker"], color=style["color"], markersize=10, markeredgecolor="white", label=row.label)
        means.append(f"{row.label}: {format_number(mean[1])} and {format_number(mean[0])}")
    if not means:
        return None
    if quality.real is not None and diversity.real is not None:
        axis.plot(diversity.real, quality.real, "+", color=INK_COLOUR, markersize=12, label="held-out real data")
    axis.set_xlabel(f"diversity: {diversity.name} ({diversity.direction})")
    axis.set_ylabel(f"quality: {quality.name}")
    _draw_legend(figure, axis, len(table.rows))
    caption = f"{quality.name} against {diversity.name}; small markers are runs, large ones means. {'; '.join(means)}."
    return Plot("Quality against diversity", caption, figure, narrow=True)


def _quality_and_diversity(columns: Sequence[MetricColumn]) -> tuple[MetricColumn, MetricColumn] | None:
    for quality, diversity in QUALITY_AND_DIVERSITY:
        quality_column = next((c for c in columns if c.name.startswith(quality)), None)
        diversity_column = next((c for c in columns if c.name.startswith(diversity)), None)
        if quality_column is not None and diversity_column is not None:
            return quality_column, diversity_column
    return None


# ---------------------------------------------------------------------- varied settings


def plot_sweeps(table: ComparisonTable) -> list[Plot]:
    """The first metric over each varied setting with numeric values, with bootstrap intervals."""
    column = table.columns[0]
    plots = []
    for factor in dict.fromkeys(key for row in table.rows for key in row.factors):
        lines = _sweep_lines(table, column, factor)
        if any(len(line) > 1 for line in lines.values()):
            plots.append(_plot_sweep(column, factor, lines))
    return plots


def _sweep_lines(
    table: ComparisonTable, column: MetricColumn, factor: str
) -> dict[str, list[tuple[float, ComparisonCell]]]:
    """The values of a setting in ascending order with their cells, by method and the other varied settings."""
    lines: dict[str, list[tuple[float, ComparisonCell]]] = {}
    for row in table.rows:
        value, cell = _as_number(row.factors.get(factor)), row.cells.get(column.name)
        if value is not None and cell is not None:
            other_factors = [f"{k}={v}" for k, v in row.factors.items() if k != factor]
            lines.setdefault(" ".join([row.runs[0].config.method, *other_factors]), []).append((value, cell))
    return {label: sorted(line, key=lambda point: point[0]) for label, line in sorted(lines.items())}


def _plot_sweep(column: MetricColumn, factor: str, lines: dict[str, list[tuple[float, ComparisonCell]]]) -> Plot:
    figure, (axis,) = new_figure(1, 1, width=6.4, height=3.8)
    changes = []
    for index, (label, line) in enumerate(lines.items()):
        x, means = [value for value, _ in line], [cell.mean for _, cell in line]
        style = _row_style(index)
        axis.plot(x, means, **style, label=label)
        lows = [cell.mean if cell.low is None else cell.low for _, cell in line]
        highs = [cell.mean if cell.high is None else cell.high for _, cell in line]
        axis.fill_between(x, lows, highs, color=style["color"], alpha=0.15, linewidth=0)
        changes.append(f"{label} goes from {format_number(means[0])} to {format_number(means[-1])}")
    _draw_real_level(axis, column)
    axis.set_xlabel(factor)
    axis.set_ylabel(f"{column.name} ({column.direction})")
    _draw_legend(figure, axis, len(lines))
    caption = f"{column.name} against {factor}; bands are 95 % bootstrap intervals of the mean. {'; '.join(changes)}."
    return Plot(f"The effect of {factor}", caption, figure, narrow=True)


def _as_number(value: Any) -> float | None:
    try:
        return None if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return None


# ---------------------------------------------------------------------- style


def _row_style(index: int) -> dict[str, Any]:
    """Colour, dash and marker of a row: no two rows share all three, and the first eight share none."""
    return {
        "color": COLOURS[index % len(COLOURS)],
        "linestyle": DASHES[(index + index // len(COLOURS)) % len(DASHES)],
        "marker": MARKERS[index % len(MARKERS)],
        "markersize": 5,
    }


def _draw_legend(figure: Figure, axis: Axes, count: int) -> None:
    """Draw the legend below the axes."""
    handles, labels = axis.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(4, max(1, count + 1)), fontsize=9)
