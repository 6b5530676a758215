"""Which charts a run gets: the two players' losses, outputs and gradients, the speed, and its metrics."""

from __future__ import annotations

from itertools import groupby

from twoplayer.reporting._chart import Chart, Curve
from twoplayer.reporting._formatting import better, seen_unit
from twoplayer.reporting._record import RunRecord, number
from twoplayer.reporting._series import thin

__all__ = ["game_charts", "metric_charts"]

CLOCKS = ("step", "images_seen", "seconds")
# title, caption, {key in progress.jsonl: (label, role)}, may be logarithmic
KNOWN = (
    (
        "Losses",
        "Each player minimises its own. In a game neither needs to fall: steady is good, a runaway is not.",
        {"critic_loss": ("critic", "critic"), "generator_loss": ("generator", "generator")},
        False,
    ),
    (
        "What the critic says",
        "Its mean output, before any sigmoid, on either kind of sample. Where the curves meet it cannot tell "
        "them apart.",
        {"real_score": ("on real", "real"), "fake_score": ("on generated", "fake")},
        False,
    ),
    (
        "Gradient norms",
        "How hard each player is pushed. A generator near zero no longer learns.",
        {"critic_gradient_norm": ("critic", "critic"), "generator_gradient_norm": ("generator", "generator")},
        True,
    ),
    ("Speed", "{unit} per second of training.", {"images_per_second": ("speed", "plain")}, False),
)


def game_charts(record: RunRecord) -> list[Chart]:
    """The charts of ``progress.jsonl``: the known groups, then one for each further number logged."""
    charts = [_chart(record, *known) for known in KNOWN]
    known_keys = {*CLOCKS, *(key for _, _, keys, _ in KNOWN for key in keys)}
    # a dict, not a set: first logged, first shown
    extra = dict.fromkeys(key for entry in record.progress for key in entry if key not in known_keys)
    extra = {key: None for key in extra if not key.endswith("_updates")}  # counts only rise
    for key in extra:
        words = key.replace("_", " ")
        charts.append(_chart(record, words[:1].upper() + words[1:], "", {key: (words, "plain")}, True))
    return [chart for chart in charts if chart.drawable]


def metric_charts(record: RunRecord) -> list[Chart]:
    """One chart for each metric, with the figure that held-out real data reach as a dashed level."""
    charts = []
    for name, group in groupby(record.figures, key=lambda f: f.name):
        figures = list(group)
        series = thin([f.images_seen for f in figures], [f.value for f in figures])
        ceiling = next((f.real for f in reversed(figures) if f.real is not None), None)
        charts.append(
            Chart(
                name,
                better(figures[-1].higher_is_better),
                [Curve(name, "measured", series)],
                seen_unit(record),
                ceiling=ceiling,
                marks_points=len(series.x) <= 60,
                may_be_logarithmic=True,
            )
        )
    return [chart for chart in charts if chart.drawable]


def _chart(
    record: RunRecord, title: str, caption: str, keys: dict[str, tuple[str, str]], may_be_logarithmic: bool
) -> Chart:
    unit = seen_unit(record)
    x = [float(entry["images_seen"]) for entry in record.progress]
    curves = [
        Curve(label, role, thin(x, [number(entry.get(key)) for entry in record.progress]))
        for key, (label, role) in keys.items()
    ]
    caption = caption.format(unit=unit.capitalize())
    curves = [curve for curve in curves if curve.series.finite]
    return Chart(title, caption, curves, unit, may_be_logarithmic=may_be_logarithmic)
