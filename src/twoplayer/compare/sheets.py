"""Samples of a comparison's rows side by side: from equal latents, over training, along paths, beside real ones."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from twoplayer.compare.reading import Measured
from twoplayer.compare.table import Row, Table
from twoplayer.errors import UserError
from twoplayer.report._frames import Frame, embedded
from twoplayer.report._record import read_record
from twoplayer.report._words import reached

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from PIL.Image import Image

    from twoplayer.run import Run

__all__ = ["Growth", "Panel", "Sheets", "sheets"]

SAMPLES = {"images": 25, "points": 2_000}
SEED = 0
PATHS, PLACES = 4, {"images": 8, "points": 200}
MOMENTS = 9
"""Places along training at which samples are shown, denser early, when a generator changes most."""
GROWING = 12
"""Rows whose samples are shown over training, the first ones: a page must not weigh too much."""
LIGHT = 20_000
"""Bytes above which a picture of samples over training travels as WebP."""


@dataclass(frozen=True)
class Panel:
    """A picture of one row, or of real data."""

    label: str
    caption: str
    picture: Image


@dataclass(frozen=True)
class Growth:
    """Samples of one row at equal shares of its training, the last at its end."""

    label: str
    frames: Sequence[Frame]


@dataclass(frozen=True)
class Sheets:
    """What there is to see of one table's rows; whatever there is not is empty."""

    samples: Sequence[Panel] = ()
    """The rows', then real data."""
    growth: Sequence[Growth] = ()
    paths: Sequence[Panel] = ()
    neighbours: Sequence[Panel] = ()
    """Of rows that ``twoplayer evaluate`` has looked at."""


def sheets(table: Table) -> tuple[Sheets, list[str]]:
    """Pictures of each row's first finished run, and why there are none of a row."""
    samples, paths, problems = list[Panel](), list[Panel](), list[str]()
    shown = [(row, run) for row in table.rows if (run := next((r for r in row.runs if r.good), None))]
    for row, run in shown:
        try:
            opened = _open(run)
            samples.append(_samples(row, run, opened, table.kind))
            paths += _paths(row, run, opened, table.kind)
        except UserError as error:
            problems.append(f"{row.label} has no samples to show ({error}).")
    if samples:
        samples += _real(shown[0][1], table.kind)
    growth = [_growth(row, run) for row, run in shown[:GROWING]]
    neighbours = [panel for row, run in shown for panel in _neighbours(row, run)]
    return Sheets(samples, [g for g in growth if g is not None], paths, neighbours), problems


def shares() -> list[float]:
    """The moments of `Growth` as shares of training."""
    return [(i / (MOMENTS - 1)) ** 2 for i in range(MOMENTS)]


def _open(run: Measured) -> Run:
    from twoplayer.run import Run

    return Run(run.path)


def _samples(row: Row, run: Measured, opened: Run, kind: str) -> Panel:
    caption = f"{run.replicate}; {run.config.prior} latents of {run.config.latent_dim} dimensions"
    return Panel(row.label, caption, _picture(opened.draw(SAMPLES[kind], SEED, "comparison"), opened))


def _paths(row: Row, run: Measured, opened: Run, kind: str) -> Iterator[Panel]:
    from twoplayer.latent import has_latents

    if has_latents(opened):
        samples = opened.interpolations(PATHS, PLACES[kind], seed=SEED)
        yield Panel(row.label, run.replicate, samples.picture())


def _real(run: Measured, kind: str) -> Iterator[Panel]:
    """Real data, drawn like the samples; where the data are gone, as the run drew them."""
    from PIL import Image

    from twoplayer.games._inputs import shown
    from twoplayer.opening import reopen
    from twoplayer.training.build import target

    opened, kept = _open(run), run.path / "samples" / "real.png"
    try:
        real = shown(target(run.config, reopen(opened.folder)))[: SAMPLES[kind]]
        yield Panel("Real data", "for comparison", _picture(real, opened))
    except UserError:
        if kept.is_file():
            with Image.open(kept) as picture:
                yield Panel("Real data", "for comparison", picture.copy())


def _picture(array: np.ndarray, opened: Run) -> Image:
    from twoplayer.samples import Samples

    columns = math.isqrt(SAMPLES["images"]) if array.ndim == 4 else None
    return Samples(array, opened._reference()).picture(columns)


def _growth(row: Row, run: Measured) -> Growth | None:
    """The picture nearest to each moment; None where training left fewer than two."""
    unit = "points" if run.data.get("kind") == "points" else "images"
    drawn = [sample for sample in read_record(run.path).samples if sample.images_seen is not None]
    if len(drawn) < 2:
        return None

    def at(share: float) -> Any:
        return min(drawn, key=lambda sample: abs((sample.images_seen or 0.0) - share * run.images_seen))

    frames = [embedded(s.path, reached(s, unit), heavy=LIGHT) for s in map(at, shares())]
    return Growth(row.label, [f for f in frames if f is not None]) if all(frames) else None


def _neighbours(row: Row, run: Measured) -> Iterator[Panel]:
    from PIL import Image

    path: Path = run.path / "evaluation" / "neighbours.png"
    if path.is_file():
        try:
            with Image.open(path) as picture:
                yield Panel(row.label, run.replicate, picture.copy())
        except OSError:  # cut off; the run's own page says more
            return
