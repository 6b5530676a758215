"""Samples of a comparison's rows side by side: from equal latents, over training, along paths, beside real ones."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from twoplayer.comparison.load_runs import MeasuredRun
from twoplayer.comparison.table import ComparisonRow, ComparisonTable
from twoplayer.core.errors import UserError
from twoplayer.reporting._formatting import training_progress
from twoplayer.reporting._pictures import EmbeddedPicture, embedded
from twoplayer.reporting._record import read_record

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from PIL.Image import Image

    from twoplayer.inference.trained_run import TrainedRun

__all__ = ["SamplePanel", "SamplePanels", "SamplesOverTime", "sheets"]

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
class SamplePanel:
    """A picture of one row, or of real data."""

    label: str
    caption: str
    picture: Image


@dataclass(frozen=True)
class SamplesOverTime:
    """Samples of one row at equal shares of its training, the last at its end."""

    label: str
    frames: Sequence[EmbeddedPicture]


@dataclass(frozen=True)
class SamplePanels:
    """What there is to see of one table's rows; whatever there is not is empty."""

    samples: Sequence[SamplePanel] = ()
    """The rows', then real data."""
    growth: Sequence[SamplesOverTime] = ()
    paths: Sequence[SamplePanel] = ()
    neighbours: Sequence[SamplePanel] = ()
    """Of rows that ``twoplayer evaluate`` has looked at."""


def sheets(table: ComparisonTable) -> tuple[SamplePanels, list[str]]:
    """Pictures of each row's first finished run, and why there are none of a row."""
    samples, paths, problems = list[SamplePanel](), list[SamplePanel](), list[str]()
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
    return SamplePanels(samples, [g for g in growth if g is not None], paths, neighbours), problems


def shares() -> list[float]:
    """The moments of `SamplesOverTime` as shares of training."""
    return [(i / (MOMENTS - 1)) ** 2 for i in range(MOMENTS)]


def _open(run: MeasuredRun) -> TrainedRun:
    from twoplayer.inference.trained_run import TrainedRun

    return TrainedRun(run.path)


def _samples(row: ComparisonRow, run: MeasuredRun, opened: TrainedRun, kind: str) -> SamplePanel:
    caption = f"{run.replicate}; {run.config.prior} latents of {run.config.latent_dim} dimensions"
    return SamplePanel(row.label, caption, _picture(opened.draw(SAMPLES[kind], SEED, "comparison"), opened))


def _paths(row: ComparisonRow, run: MeasuredRun, opened: TrainedRun, kind: str) -> Iterator[SamplePanel]:
    from twoplayer.inference.latent_paths import has_latents, interpolations

    if has_latents(opened):
        samples = interpolations(opened, PATHS, PLACES[kind], seed=SEED)
        yield SamplePanel(row.label, run.replicate, samples.picture())


def _real(run: MeasuredRun, kind: str) -> Iterator[SamplePanel]:
    """Real data, drawn like the samples; where the data are gone, as the run drew them."""
    from PIL import Image

    from twoplayer.games._inputs import shown
    from twoplayer.runs.dataset import reopen
    from twoplayer.training.build import target

    opened, kept = _open(run), run.path / "samples" / "real.png"
    try:
        real = shown(target(run.config, reopen(opened.folder)))[: SAMPLES[kind]]
        yield SamplePanel("Real data", "for comparison", _picture(real, opened))
    except UserError:
        if kept.is_file():
            with Image.open(kept) as picture:
                yield SamplePanel("Real data", "for comparison", picture.copy())


def _picture(array: np.ndarray, opened: TrainedRun) -> Image:
    from twoplayer.sampling.samples import Samples

    columns = math.isqrt(SAMPLES["images"]) if array.ndim == 4 else None
    return Samples(array, opened.reference_points()).picture(columns)


def _growth(row: ComparisonRow, run: MeasuredRun) -> SamplesOverTime | None:
    """The picture nearest to each moment; None where training left fewer than two."""
    unit = "points" if run.data.get("kind") == "points" else "images"
    drawn = [sample for sample in read_record(run.path).samples if sample.images_seen is not None]
    if len(drawn) < 2:
        return None

    def at(share: float) -> Any:
        return min(drawn, key=lambda sample: abs((sample.images_seen or 0.0) - share * run.images_seen))

    frames = [embedded(s.path, training_progress(s, unit), max_png_bytes=LIGHT) for s in map(at, shares())]
    return SamplesOverTime(row.label, [f for f in frames if f is not None]) if all(frames) else None


def _neighbours(row: ComparisonRow, run: MeasuredRun) -> Iterator[SamplePanel]:
    from PIL import Image

    path: Path = run.path / "evaluation" / "neighbours.png"
    if path.is_file():
        try:
            with Image.open(path) as picture:
                yield SamplePanel(row.label, run.replicate, picture.copy())
        except OSError:  # cut off; the run's own page says more
            return
