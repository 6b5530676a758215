"""Drawings for the lab: matplotlib in one quiet style, told apart without colour, as SVG."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["COLOURS", "DASHES", "MAP", "house_style", "sheet", "svg"]

COLOURS = ("#0072b2", "#c65300", "#00805c", "#cc79a7", "#4a4843", "#56b4e9", "#b58900", "#000000")
"""After Okabe & Ito 2008; every line also has a dash or a marker of its own."""
MAP = "cividis"
"""The colour map of surfaces: read alike with any colour vision, and in grey."""
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
    "axes.edgecolor": "#68655e",
    "axes.grid": True,
    "grid.color": "#e5e1d8",
    "grid.linewidth": 0.8,
    "axes.axisbelow": True,
    "xtick.color": "#68655e",
    "ytick.color": "#68655e",
    "lines.linewidth": 1.8,
    "legend.frameon": False,
    "image.cmap": MAP,
    "svg.fonttype": "path",
    "svg.hashsalt": "twoplayer",
    "savefig.facecolor": "white",
}


@contextmanager
def house_style() -> Iterator[None]:
    """Draw in the lab's style; matplotlib's own settings are back afterwards."""
    import matplotlib as mpl
    from cycler import cycler

    settings: Any = {**STYLE, "axes.prop_cycle": cycler(color=COLOURS, linestyle=DASHES)}
    with mpl.rc_context(settings):
        yield


def sheet(
    rows: int = 1, columns: int = 1, *, width: float = 7.0, height: float = 3.2, **options: Any
) -> tuple[Figure, Sequence[Axes]]:
    """An empty figure of `rows` x `columns` axes, returned row by row; `height` is one row's, in inches.

    Drawn without a display and without matplotlib's global state.
    """
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height * rows), layout="constrained")
    FigureCanvasSVG(figure)
    return figure, list(figure.subplots(rows, columns, squeeze=False, **options).ravel())


def svg(figure: Figure) -> bytes:
    """The figure as SVG, the same bytes for the same drawing."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()
