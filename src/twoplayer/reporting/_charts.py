"""The charts of a report: the logged values of training, and the metrics measured during it."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle, groupby
from typing import NamedTuple

from twoplayer.core.errors import UserError
from twoplayer.core.registry import family
from twoplayer.reporting._chart import Chart, Curve
from twoplayer.reporting._formatting import better, seen_unit
from twoplayer.reporting._record import RunRecord, number
from twoplayer.reporting._series import thin

__all__ = ["metric_charts", "training_charts"]

MAX_MARKED_POINTS = 60
"""Points of a metric's curve up to which each one is marked."""
CLOCKS = ("step", "images_seen", "seconds")
"""Values in ``progress.jsonl`` that are no curves."""
COUNTER_SUFFIX = "_updates"
"""End of the names of counters, which are no curves either."""


class LoggedCurve(NamedTuple):
    """How a logged value is shown; a training problem declares the same on its class."""

    label: str
    chart: str
    """The chart that it belongs to; values of one chart share its axes."""


ADVERSARIAL_CURVES: Mapping[str, LoggedCurve] = {
    "critic_loss": LoggedCurve("critic", "losses"),
    "generator_loss": LoggedCurve("generator", "losses"),
    "real_score": LoggedCurve("real", "critic outputs"),
    "fake_score": LoggedCurve("generated", "critic outputs"),
    "critic_gradient_norm": LoggedCurve("critic", "gradient norms"),
    "generator_gradient_norm": LoggedCurve("generator", "gradient norms"),
}
"""The curves of a training problem that declares none."""
SPEED_CURVE = {"images_per_second": LoggedCurve("speed", "speed")}
CAPTIONS = {
    "losses": "Each player minimizes its own loss. In a game neither needs to fall: steady is good, a runaway is not.",
    "critic outputs": "The critic's mean output, before any sigmoid, for real and for generated samples. Where the "
    "curves meet it does not separate them.",
    "gradient norms": "The norm of the gradient of each player's loss by its weights. A generator near zero does not "
    "learn.",
    "speed": "{unit} per second of training.",
}
"""By chart."""
LINEAR_CHARTS = frozenset({"losses", "critic outputs", "speed"})
"""Charts without a logarithmic axis."""
CURVE_STYLES = ("first", "second", "third", "fourth")
"""Classes of the style sheet for the curves of a chart, in order."""


def training_charts(record: RunRecord) -> list[Chart]:
    """The charts of ``progress.jsonl``: those that the training problem declares, then one for each other value."""
    declared = {**_declared_curves(record), **SPEED_CURVE}
    logged = dict.fromkeys(name for entry in record.progress for name in entry)
    charts: dict[str, dict[str, str]] = {}
    for name, curve in declared.items():
        charts.setdefault(curve.chart, {})[name] = curve.label
    for name in logged:
        if name not in declared and name not in CLOCKS and not name.endswith(COUNTER_SUFFIX):
            label = name.replace("_", " ")
            charts.setdefault(label, {})[name] = label
    drawn = [_training_chart(record, title, labels) for title, labels in charts.items()]
    return [chart for chart in drawn if chart.drawable]


def _declared_curves(record: RunRecord) -> Mapping[str, LoggedCurve]:
    """The logged values that the run's training problem declares; none if its class is not installed."""
    try:
        problem = family("games").find(str(record.config["game"]["name"]))
    except (KeyError, TypeError, UserError):
        return ADVERSARIAL_CURVES
    curves: Mapping[str, LoggedCurve] = getattr(problem, "curves", ADVERSARIAL_CURVES)
    return curves


def metric_charts(record: RunRecord) -> list[Chart]:
    """One chart for each metric, with the value of held-out real data as a dashed level."""
    charts = []
    for name, group in groupby(record.metric_values, key=lambda value: value.name):
        values = list(group)
        series = thin([v.images_seen for v in values], [v.value for v in values])
        charts.append(
            Chart(
                name,
                f"{better(values[-1].higher_is_better).capitalize()}.",
                [Curve(name, "measured", series)],
                seen_unit(record),
                real_level=next((v.real for v in reversed(values) if v.real is not None), None),
                marks_points=len(series.x) <= MAX_MARKED_POINTS,
                may_be_logarithmic=True,
            )
        )
    return [chart for chart in charts if chart.drawable]


def _training_chart(record: RunRecord, chart: str, labels: Mapping[str, str]) -> Chart:
    """The chart of logged values, given the labels by the names of the values."""
    unit = seen_unit(record)
    x = [float(entry["images_seen"]) for entry in record.progress]
    styles = cycle(CURVE_STYLES) if len(labels) > 1 else cycle(["plain"])
    curves = [
        Curve(label, style, thin(x, [number(entry.get(name)) for entry in record.progress]))
        for (name, label), style in zip(labels.items(), styles, strict=False)
    ]
    curves = [curve for curve in curves if curve.series.finite]
    caption = CAPTIONS.get(chart, "").format(unit=unit.capitalize())
    title = chart[:1].upper() + chart[1:]
    return Chart(title, caption, curves, unit, may_be_logarithmic=chart not in LINEAR_CHARTS)
