"""Pictures of what was found: curves, histograms, bars, samples; every line has a dash or a place of its own."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from twoplayer.diagnosis._time_series import Array, TimeSeries
from twoplayer.pages.plot_style import COLOURS, house_style, sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["bars", "curves", "drawing", "histograms", "level", "pairs", "panels", "png", "samples", "scatter"]

WORDS = {
    "critic_loss": "critic's loss",
    "generator_loss": "generator's loss",
    "real_score": "D(real)",
    "fake_score": "D(fake)",
    "critic_gradient_norm": "critic's gradient",
    "generator_gradient_norm": "generator's gradient",
}
SIDE = 6
"""Images in a row of a picture."""


def panels(count: int, *, width: float = 9.0, height: float = 3.4) -> tuple[Figure, Sequence[Axes]]:
    """A figure with `count` axes side by side."""
    return sheet(1, count, width=width, height=height)


def png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return buffer.getvalue()


def curves(axes: Axes, course: TimeSeries, names: Sequence[str], title: str, *, logarithmic: bool = False) -> None:
    """Numbers of the log over rounds."""
    for name in names:
        if name in course:
            axes.plot(course.steps, course[name], label=WORDS.get(name, name.replace("_", " ")))
    if logarithmic and any(np.nanmax(course[n], initial=-np.inf) > 0 for n in names if n in course):
        axes.set_yscale("log")
    axes.set(title=title, xlabel="round")
    axes.legend(fontsize=8)


def level(axes: Axes, value: float, words: str) -> None:
    """A dashed line across, with its meaning."""
    axes.axhline(value, color="#4a4843", linestyle=(0, (2, 2)), linewidth=1.2, label=words)
    axes.legend(fontsize=8)


def histograms(axes: Axes, values: Mapping[str, Array], title: str, label: str) -> None:
    """Outlined densities over one another."""
    shown = {name: v[np.isfinite(v)] for name, v in values.items()}
    everything = np.concatenate([v for v in shown.values() if len(v)])
    edges = np.histogram_bin_edges(everything, 40).tolist()
    for name, colour, dash in zip(shown, COLOURS, ("-", "--", ":", "-."), strict=False):
        if len(shown[name]):
            axes.hist(
                shown[name],
                edges,
                density=True,
                histtype="step",
                color=colour,
                linestyle=dash,
                linewidth=1.8,
                label=name,
            )
    axes.set(title=title, xlabel=label, ylabel="density")
    axes.legend(fontsize=8)


def bars(
    axes: Axes, labels: Sequence[str], values: Sequence[float], title: str, *, marks: Sequence[float] | None = None
) -> None:
    """Bars, with a mark where each one should end."""
    places = np.arange(len(labels))
    axes.bar(places, values, color=COLOURS[0], width=0.7)
    if marks is not None:
        axes.scatter(places, marks, marker="_", s=220, color=COLOURS[1], linewidths=2.2, label="in the data", zorder=3)
        axes.legend(fontsize=8)
    axes.set_title(title)
    axes.set_xticks(places, labels, rotation=0 if len(labels) <= 12 and max(map(len, labels)) < 4 else 90, fontsize=8)
    axes.grid(axis="x", visible=False)


def samples(axes: Axes, stored: Array, title: str, *, real: Array | None = None) -> None:
    """A grid of images, or a cloud of points over the real ones."""
    from twoplayer.sampling.image_grid import image_grid, point_cloud

    if stored.ndim == 4:
        picture = image_grid(stored[: SIDE**2], columns=SIDE)
    else:
        picture = point_cloud(stored[:2_500], reference=None if real is None else real[:2_500])
    _picture(axes, picture, title)


def pairs(axes: Axes, rows: Sequence[Array], title: str) -> None:
    """Images in rows, those of one column belonging together."""
    from twoplayer.sampling.image_grid import image_grid

    _picture(axes, image_grid(np.concatenate(rows), columns=len(rows[0])), title)


def scatter(axes: Axes, real: Array, generated: Array, title: str) -> None:
    """Points in their first two coordinates, generated over real ones."""
    for points, colour, size, words in ((real, "#9a968c", 5, "training data"), (generated, COLOURS[0], 9, "generated")):
        second = points[:, 1] if points.shape[1] > 1 else np.zeros(len(points))
        axes.scatter(points[:, 0], second, s=size, color=colour, label=words, linewidths=0)
    axes.set_title(title)
    axes.legend(fontsize=8)


def _picture(axes: Axes, picture: Any, title: str) -> None:
    axes.imshow(np.asarray(picture), cmap="gray", vmin=0, vmax=255)
    axes.set_title(title)
    axes.set_axis_off()


@contextmanager
def drawing() -> Iterator[None]:
    """Draw in the house's style, silently: a NaN in a curve is a gap."""
    import warnings

    with house_style(), warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield
