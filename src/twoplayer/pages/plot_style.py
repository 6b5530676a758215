"""The style of all plots: colours, dashes that distinguish curves without colour, and figures as SVG or PNG."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "COLOURS",
    "DASHES",
    "GRID_COLOUR",
    "INK_COLOUR",
    "MAP",
    "MUTED_COLOUR",
    "REFERENCE_COLOUR",
    "house_style",
    "new_figure",
    "png",
    "svg",
]

COLOURS = ("#0072b2", "#c65300", "#00805c", "#cc79a7", "#4a4843", "#56b4e9", "#b58900", "#000000")
"""Colours of curves, after Okabe & Ito 2008; every curve also has a dash or a marker of its own."""
INK_COLOUR = "#21201d"
REFERENCE_COLOUR = "#4a4843"
"""Of reference levels."""
MUTED_COLOUR = "#9a968c"
"""Of real points behind generated ones."""
AXIS_COLOUR = "#68655e"
GRID_COLOUR = "#e5e1d8"
"""Of grid lines and bands."""
MAP = "cividis"
"""The colour map of surfaces, which is monotonic in lightness."""
PNG_DPI = 110
DASHES: tuple[Any, ...] = (
    "-",
    (0, (6, 2.5)),
    (0, (1.5, 1.8)),
    (0, (6, 2, 1.5, 2)),
    (0, (3, 1.5)),
    (0, (5, 1)),
    (0, (8, 4)),
    (0, (1, 1)),
)

STYLE: dict[str, Any] = {
    "figure.dpi": 100,
    "figure.constrained_layout.use": True,
    "font.family": ["DejaVu Sans"],
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": AXIS_COLOUR,
    "axes.grid": True,
    "grid.color": GRID_COLOUR,
    "grid.linewidth": 0.8,
    "axes.axisbelow": True,
    "xtick.color": AXIS_COLOUR,
    "ytick.color": AXIS_COLOUR,
    "lines.linewidth": 1.8,
    "legend.frameon": False,
    "image.cmap": MAP,
    "svg.fonttype": "path",
    "svg.hashsalt": "twoplayer",
    "savefig.facecolor": "white",
}


@contextmanager
def house_style() -> Iterator[None]:
    """Draw in the house style within the context; matplotlib's settings are restored afterwards."""
    import matplotlib as mpl
    from cycler import cycler

    settings: Any = {**STYLE, "axes.prop_cycle": cycler(color=COLOURS, linestyle=DASHES)}
    with mpl.rc_context(settings):
        yield


def new_figure(
    rows: int = 1, columns: int = 1, *, width: float = 7.0, height: float = 3.2, **options: Any
) -> tuple[Figure, Sequence[Axes]]:
    """An empty figure with a grid of axes, drawn without a display and without matplotlib's global state.

    Args:
        rows: rows of axes.
        columns: columns of axes.
        width: of the figure, in inches.
        height: of one row, in inches.
        options: further options of `matplotlib.figure.Figure.subplots`, such as ``sharey``.

    Returns:
        The figure, and its axes row by row.
    """
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height * rows), layout="constrained")
    FigureCanvasSVG(figure)
    return figure, list(figure.subplots(rows, columns, squeeze=False, **options).ravel())


def svg(figure: Figure) -> bytes:
    """The figure as SVG; equal figures give equal bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()


def png(figure: Figure) -> bytes:
    """The figure as PNG with 110 dots per inch."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=PNG_DPI)
    return buffer.getvalue()
