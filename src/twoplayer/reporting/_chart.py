"""A line chart as SVG whose colours come from the page's style sheet, for light and dark screens and print."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from markupsafe import Markup, escape

from twoplayer.core.number_format import format_number, format_tick
from twoplayer.reporting._axis import Axis, horizontal, vertical
from twoplayer.reporting._series import Series

__all__ = ["Chart", "Curve"]

WIDTH, HEIGHT = 420, 250
LEFT, RIGHT, TOP, BOTTOM = 52, 14, 28, 40
INNER_WIDTH, INNER_HEIGHT = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM


@dataclass(frozen=True)
class Curve:
    """A labelled series; `style` is a class of the style sheet: first to fourth, measured, plain."""

    label: str
    style: str
    series: Series


@dataclass(frozen=True)
class Chart:
    """Curves over images seen, with the value of real data as a dashed level."""

    title: str
    caption: str
    curves: list[Curve]
    unit: str
    real_level: float | None = None
    marks_points: bool = False
    may_be_logarithmic: bool = False

    @property
    def drawable(self) -> bool:
        """Whether any curve has a finite value."""
        return any(curve.series.finite for curve in self.curves)

    @property
    def svg(self) -> Markup:
        """The chart, 420 x 250 units, with a text alternative."""
        x = horizontal([value for curve in self.curves for value in curve.series.x])
        y = self._vertical
        parts = [
            *_grid(x, y, self.unit),
            *self._real_level_line(y),
            Markup('<svg x="{}" y="{}" width="{}" height="{}">').format(
                LEFT, TOP - 2, INNER_WIDTH + 6, INNER_HEIGHT + 4
            ),
            *(part for curve in self.curves for part in _drawn(curve, x, y, self.marks_points)),
            Markup("</svg>"),
            *_legend(self.curves),
        ]
        head = Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">').format(
            WIDTH, HEIGHT, self.alternative
        )
        return head + Markup("\n").join(parts) + Markup("</svg>")

    @property
    def alternative(self) -> str:
        """The text alternative: the first and last value of each curve."""
        curves = [
            f"{c.label} from {format_number(first)} to {format_number(last)}"
            for c in self.curves
            for first, last in _ends(c.series)
        ]
        level = [] if self.real_level is None else [f"real data {format_number(self.real_level)}"]
        return f"{self.title}: " + ", ".join(curves + level)

    @property
    def remark(self) -> str:
        """A sentence on what the chart does not show: peaks beyond the axis, values that are not finite."""
        remarks = []
        if self._vertical.full_range:
            low, high = self._vertical.full_range
            remarks.append(f"Rare peaks are cut off; the full range is {format_number(low)} to {format_number(high)}.")
        if any(math.isnan(v) for curve in self.curves for v in curve.series.middle):
            remarks.append("Gaps are values that are not finite.")
        return " ".join(remarks)

    @property
    def _vertical(self) -> Axis:
        values = [value for curve in self.curves for value in curve.series.finite]
        always = [] if self.real_level is None else [self.real_level]
        return vertical(values, may_be_logarithmic=self.may_be_logarithmic, always=always)

    def _real_level_line(self, y: Axis) -> list[Markup]:
        if self.real_level is None:
            return []
        level = _down(y, self.real_level) + TOP
        line = Markup('<line class="ceiling" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>')
        text = Markup('<text class="ceiling-label" x="{}" y="{:.1f}">real data {}</text>')
        return [
            line.format(LEFT, WIDTH - RIGHT, level, level),
            # at the left, where the curve of an untrained generator is far from real data
            text.format(LEFT + 4, level - 6, format_number(self.real_level)),
        ]


def _across(axis: Axis, value: float) -> float:
    return axis.at(value) * INNER_WIDTH


def _down(axis: Axis, value: float) -> float:
    return (1 - axis.at(value)) * INNER_HEIGHT


def _grid(x: Axis, y: Axis, unit: str) -> Iterable[Markup]:
    rule = Markup('<line class="{}" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>')
    text = Markup('<text x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>')
    for tick in y.ticks:
        level = _down(y, tick) + TOP
        yield rule.format("zero" if tick == 0 else "rule", LEFT, WIDTH - RIGHT, level, level)
        yield text.format(LEFT - 7, level + 4, "end", format_tick(tick))
    for tick in x.ticks:
        place = _across(x, tick) + LEFT
        # the last label must not be cut off
        anchor = "end" if place > WIDTH - RIGHT - 12 else "middle"
        yield text.format(place, HEIGHT - BOTTOM + 17, anchor, format_tick(tick))
    yield text.format(WIDTH - RIGHT, HEIGHT - 6, "end", f"{unit} seen")


def _drawn(curve: Curve, x: Axis, y: Axis, marks_points: bool) -> Iterable[Markup]:
    """Band, line and markers of one curve, in the coordinates of the plot's inner picture."""
    for piece in _pieces(curve.series):
        across = [_across(x, curve.series.x[i]) for i in piece]
        middle = [_down(y, curve.series.middle[i]) + 2 for i in piece]
        low = [_down(y, curve.series.low[i]) + 2 for i in piece]
        high = [_down(y, curve.series.high[i]) + 2 for i in piece]
        if low != high:
            outline = _points([*across, *reversed(across)], [*high, *reversed(low)])
            yield Markup('<polygon class="band {}" points="{}"/>').format(curve.style, outline)
        line = Markup('<polyline class="curve {}" points="{}"/>')
        yield line.format(curve.style, _points(across, middle))
        if marks_points or len(piece) == 1:
            yield from (_marker(curve.style, a, m) for a, m in zip(across, middle, strict=True))


def _pieces(series: Series) -> Iterable[list[int]]:
    """Index ranges between gaps."""
    piece: list[int] = []
    for i, value in enumerate(series.middle):
        if math.isfinite(value):
            piece.append(i)
        elif piece:
            yield piece
            piece = []
    if piece:
        yield piece


def _points(across: Iterable[float], down: Iterable[float]) -> str:
    return " ".join(f"{a:.1f},{d:.1f}" for a, d in zip(across, down, strict=True))


def _marker(style: str, across: float, down: float) -> Markup:
    if style in ("second", "fourth", "measured"):
        shape = Markup('<rect class="marker {}" x="{:.1f}" y="{:.1f}" width="6" height="6"/>')
        return shape.format(style, across - 3, down - 3)
    return Markup('<circle class="marker {}" cx="{:.1f}" cy="{:.1f}" r="3.2"/>').format(style, across, down)


def _legend(curves: list[Curve]) -> Iterable[Markup]:
    if len(curves) < 2:
        return
    place = float(LEFT)
    swatch = Markup('<line class="curve {}" x1="{:.1f}" x2="{:.1f}" y1="10" y2="10"/>')
    text = Markup('<text class="label" x="{:.1f}" y="14.5">{}</text>')
    for curve in curves:
        yield swatch.format(curve.style, place, place + 26)
        yield text.format(place + 32, escape(curve.label))
        place += 32 + 7.2 * len(curve.label) + 22


def _ends(series: Series) -> Iterable[tuple[float, float]]:
    finite = [value for value in series.middle if math.isfinite(value)]
    if finite:
        yield finite[0], finite[-1]
