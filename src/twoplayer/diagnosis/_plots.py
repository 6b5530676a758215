"""Plots of a failure mode's evidence: curves, histograms, bars, samples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from twoplayer.diagnosis._logged_values import CURVE_LABELS
from twoplayer.diagnosis._time_series import Array, TimeSeries
from twoplayer.pages.plot_style import COLOURS, MUTED_COLOUR, REFERENCE_COLOUR, house_style, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "bars",
    "curves",
    "drawing",
    "histograms",
    "image_rows",
    "panels",
    "reference_level",
    "samples",
    "scatter",
]

IMAGES_PER_ROW = 6
MAX_POINTS = 2_500
HISTOGRAM_BINS = 40


def panels(count: int, *, width: float = 9.0, height: float = 3.4) -> tuple[Figure, Sequence[Axes]]:
    """A figure with `count` axes side by side; `width` and `height` in inches."""
    return new_figure(1, count, width=width, height=height)


def curves(axes: Axes, log: TimeSeries, names: Sequence[str], title: str, *, logarithmic: bool = False) -> None:
    """Plot logged numbers over steps; names that the log lacks are left out."""
    for name in names:
        if name in log:
            axes.plot(log.steps, log[name], label=CURVE_LABELS.get(name, name.replace("_", " ")))
    if logarithmic and any(np.nanmax(log[n], initial=-np.inf) > 0 for n in names if n in log):
        axes.set_yscale("log")
    axes.set(title=title, xlabel="step")
    axes.legend(fontsize=8)


def reference_level(axes: Axes, value: float, label: str) -> None:
    """Draw a labelled dashed horizontal line."""
    axes.axhline(value, color=REFERENCE_COLOUR, linestyle=(0, (2, 2)), linewidth=1.2, label=label)
    axes.legend(fontsize=8)


def histograms(axes: Axes, values: Mapping[str, Array], title: str, xlabel: str) -> None:
    """Draw the densities of several samples of a number over one another, by their labels."""
    finite = {name: v[np.isfinite(v)] for name, v in values.items()}
    edges = np.histogram_bin_edges(np.concatenate([v for v in finite.values() if len(v)]), HISTOGRAM_BINS).tolist()
    for name, colour, dash in zip(finite, COLOURS, ("-", "--", ":", "-."), strict=False):
        if len(finite[name]):
            axes.hist(
                finite[name],
                edges,
                density=True,
                histtype="step",
                color=colour,
                linestyle=dash,
                linewidth=1.8,
                label=name,
            )
    axes.set(title=title, xlabel=xlabel, ylabel="density")
    axes.legend(fontsize=8)


def bars(
    axes: Axes, labels: Sequence[str], values: Sequence[float], title: str, *, marks: Sequence[float] | None = None
) -> None:
    """Draw labelled bars, each with a mark at the value that the data have."""
    positions = np.arange(len(labels))
    axes.bar(positions, values, color=COLOURS[0], width=0.7)
    if marks is not None:
        axes.scatter(
            positions, marks, marker="_", s=220, color=COLOURS[1], linewidths=2.2, label="in the data", zorder=3
        )
        axes.legend(fontsize=8)
    axes.set_title(title)
    horizontal = len(labels) <= 12 and max(map(len, labels)) < 4
    axes.set_xticks(positions, labels, rotation=0 if horizontal else 90, fontsize=8)
    axes.grid(axis="x", visible=False)


def samples(axes: Axes, stored: Array, title: str, *, real: Array | None = None) -> None:
    """Draw a grid of images, or a cloud of points over the real ones."""
    from twoplayer.sampling.image_grid import image_grid, point_cloud

    if stored.ndim == 4:
        picture = image_grid(stored[: IMAGES_PER_ROW**2], columns=IMAGES_PER_ROW)
    else:
        picture = point_cloud(stored[:MAX_POINTS], reference=None if real is None else real[:MAX_POINTS])
    _draw_picture(axes, picture, title)


def image_rows(axes: Axes, rows: Sequence[Array], title: str) -> None:
    """Draw rows of images of equal length; images of one column belong together."""
    from twoplayer.sampling.image_grid import image_grid

    _draw_picture(axes, image_grid(np.concatenate(rows), columns=len(rows[0])), title)


def scatter(axes: Axes, real: Array, generated: Array, title: str) -> None:
    """Draw points in their first two coordinates, generated over real ones."""
    styles = ((real, MUTED_COLOUR, 5, "training data"), (generated, COLOURS[0], 9, "generated"))
    for points, colour, size, label in styles:
        second = points[:, 1] if points.shape[1] > 1 else np.zeros(len(points))
        axes.scatter(points[:, 0], second, s=size, color=colour, label=label, linewidths=0)
    axes.set_title(title)
    axes.legend(fontsize=8)


def _draw_picture(axes: Axes, picture: Any, title: str) -> None:
    axes.imshow(np.asarray(picture), cmap="gray", vmin=0, vmax=255)
    axes.set_title(title)
    axes.set_axis_off()


@contextmanager
def drawing() -> Iterator[None]:
    """Draw in the house style without warnings: a NaN in a curve is a gap."""
    import warnings

    with house_style(), warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield
