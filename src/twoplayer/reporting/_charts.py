"""The charts of a report: the logged values of training, and the metrics measured during it."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby

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


@dataclass(frozen=True)
class ChartGroup:
    """Logged values that share a chart."""

    title: str
    caption: str
    curves: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Label and style (of `Curve`) by the value's name."""
    may_be_logarithmic: bool = False


ADVERSARIAL_CHARTS = (
    ChartGroup(
        "Losses",
        "Each player minimizes its own loss. In a game neither needs to fall: steady is good, a runaway is not.",
        {"critic_loss": ("critic", "critic"), "generator_loss": ("generator", "generator")},
    ),
    ChartGroup(
        "Critic outputs",
        "The critic's mean output, before any sigmoid, for real and for generated samples. Where the curves meet it "
        "does not separate them.",
        {"real_score": ("real", "real"), "fake_score": ("generated", "fake")},
    ),
    ChartGroup(
        "Gradient norms",
        "The norm of the gradient of each player's loss by its weights. A generator near zero does not learn.",
        {"critic_gradient_norm": ("critic", "critic"), "generator_gradient_norm": ("generator", "generator")},
        may_be_logarithmic=True,
    ),
)
SPEED_CHART = ChartGroup("Speed", "{unit} per second of training.", {"images_per_second": ("speed", "plain")})


def training_charts(record: RunRecord) -> list[Chart]:
    """The charts of ``progress.jsonl``: the known groups, then one for each other value in order of first mention."""
    groups = [*ADVERSARIAL_CHARTS, SPEED_CHART]
    grouped = {*CLOCKS, *(name for group in groups for name in group.curves)}
    for name in dict.fromkeys(name for entry in record.progress for name in entry):
        if name not in grouped and not name.endswith(COUNTER_SUFFIX):
            label = name.replace("_", " ")
            title = label[:1].upper() + label[1:]
            groups.append(ChartGroup(title, "", {name: (label, "plain")}, may_be_logarithmic=True))
    charts = [_chart(record, group) for group in groups]
    return [chart for chart in charts if chart.drawable]


def metric_charts(record: RunRecord) -> list[Chart]:
    """One chart for each metric, with the value of held-out real data as a dashed level."""
    charts = []
    for name, group in groupby(record.metric_values, key=lambda value: value.name):
        values = list(group)
        series = thin([v.images_seen for v in values], [v.value for v in values])
        charts.append(
            Chart(
                name,
                better(values[-1].higher_is_better),
                [Curve(name, "measured", series)],
                seen_unit(record),
                real_level=next((v.real for v in reversed(values) if v.real is not None), None),
                marks_points=len(series.x) <= MAX_MARKED_POINTS,
                may_be_logarithmic=True,
            )
        )
    return [chart for chart in charts if chart.drawable]


def _chart(record: RunRecord, group: ChartGroup) -> Chart:
    unit = seen_unit(record)
    x = [float(entry["images_seen"]) for entry in record.progress]
    curves = [
        Curve(label, style, thin(x, [number(entry.get(name)) for entry in record.progress]))
        for name, (label, style) in group.curves.items()
    ]
    curves = [curve for curve in curves if curve.series.finite]
    caption = group.caption.format(unit=unit.capitalize())
    return Chart(group.title, caption, curves, unit, may_be_logarithmic=group.may_be_logarithmic)
