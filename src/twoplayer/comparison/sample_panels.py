"""Pictures of a comparison's rows: samples, samples over training, latent paths, nearest neighbours."""

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
    import numpy as np
    from PIL.Image import Image

    from twoplayer.inference.trained_run import TrainedRun

__all__ = ["SamplePanel", "SamplePanels", "SamplesOverTime", "sample_panels"]

SAMPLES = {"images": 25, "points": 2_000}
"""Samples in a panel."""
SEED = 0
PATHS, PATH_STEPS = 4, {"images": 8, "points": 200}
"""Latent paths in a panel, and samples on each."""
MOMENTS = 9
"""Times at which samples are shown over training, denser early, when samples change most."""
MAX_ROWS_OVER_TIME = 12
"""Rows whose samples are shown over training, which limits the size of the page."""
MAX_PNG_BYTES = 20_000
"""Size above which a picture of samples over training is embedded as WebP."""


@dataclass(frozen=True)
class SamplePanel:
    """A picture of samples of one row, or of real data."""

    label: str
    caption: str
    picture: Image


@dataclass(frozen=True)
class SamplesOverTime:
    """Samples of one row at equal shares of its training, the last at its end."""

    label: str
    pictures: Sequence[EmbeddedPicture]


@dataclass(frozen=True)
class SamplePanels:
    """The pictures of a table's rows; kinds without a picture are empty."""

    samples: Sequence[SamplePanel] = ()
    """One per row, then real data."""
    over_time: Sequence[SamplesOverTime] = ()
    paths: Sequence[SamplePanel] = ()
    neighbours: Sequence[SamplePanel] = ()
    """Of rows whose first run was evaluated with ``twoplayer evaluate``."""


def sample_panels(table: ComparisonTable) -> tuple[SamplePanels, list[str]]:
    """Pictures of each row's first finished run.

    Returns:
        The pictures, and a sentence for each row without samples.
    """
    samples, paths, problems = list[SamplePanel](), list[SamplePanel](), list[str]()
    shown = [(row, run) for row in table.rows if (run := next((r for r in row.runs if r.finished), None))]
    for row, run in shown:
        try:
            trained = _open(run)
            samples.append(_sample_panel(row, run, trained, table.kind))
            paths += _path_panels(row, run, trained, table.kind)
        except UserError as error:
            problems.append(f"{row.label} has no samples to show ({error}).")
    if samples:
        samples += _real_panel(shown[0][1], table.kind)
    over_time = [_samples_over_time(row, run) for row, run in shown[:MAX_ROWS_OVER_TIME]]
    neighbours = [panel for row, run in shown for panel in _neighbour_panels(row, run)]
    return SamplePanels(samples, [s for s in over_time if s is not None], paths, neighbours), problems


def training_shares() -> list[float]:
    """The times of `SamplesOverTime` as shares of training."""
    return [(i / (MOMENTS - 1)) ** 2 for i in range(MOMENTS)]


def _open(run: MeasuredRun) -> TrainedRun:
    from twoplayer.inference.trained_run import TrainedRun

    return TrainedRun(run.path)


def _sample_panel(row: ComparisonRow, run: MeasuredRun, trained: TrainedRun, kind: str) -> SamplePanel:
    caption = f"{run.replicate}; {run.config.prior['name']} latents of {run.config.latent_dim} dimensions"
    return SamplePanel(row.label, caption, _picture(trained.draw(SAMPLES[kind], SEED, "comparison"), trained))


def _path_panels(row: ComparisonRow, run: MeasuredRun, trained: TrainedRun, kind: str) -> Iterator[SamplePanel]:
    from twoplayer.inference.latent_paths import interpolations

    if trained.has_latents:
        samples = interpolations(trained, PATHS, PATH_STEPS[kind], seed=SEED)
        yield SamplePanel(row.label, run.replicate, samples.picture())


def _real_panel(run: MeasuredRun, kind: str) -> Iterator[SamplePanel]:
    """Real data in the style of the samples; if the data cannot be opened, the run's own picture of them."""
    from PIL import Image

    from twoplayer.games._inputs import reference_part
    from twoplayer.runs.dataset import reopen
    from twoplayer.training.build import target

    trained, own_picture = _open(run), run.path / "samples" / "real.png"
    try:
        real = reference_part(target(run.config, reopen(trained.folder)))[: SAMPLES[kind]]
        yield SamplePanel("Real data", "for comparison", _picture(real, trained))
    except UserError:
        if own_picture.is_file():
            with Image.open(own_picture) as picture:
                yield SamplePanel("Real data", "for comparison", picture.copy())


def _picture(array: np.ndarray, trained: TrainedRun) -> Image:
    from twoplayer.sampling.samples import Samples

    columns = math.isqrt(SAMPLES["images"]) if array.ndim == 4 else None
    return Samples(array, trained.reference_points()).picture(columns)


def _samples_over_time(row: ComparisonRow, run: MeasuredRun) -> SamplesOverTime | None:
    """The run's picture nearest to each time; None if training left fewer than two pictures."""
    unit = "points" if run.data.get("kind") == "points" else "images"
    drawn = [samples for samples in read_record(run.path).samples if samples.images_seen is not None]
    if len(drawn) < 2:
        return None

    def nearest(share: float) -> Any:
        return min(drawn, key=lambda samples: abs((samples.images_seen or 0.0) - share * run.images_seen))

    pictures = [
        embedded(samples.path, training_progress(samples, unit), max_png_bytes=MAX_PNG_BYTES)
        for samples in map(nearest, training_shares())
    ]
    return SamplesOverTime(row.label, [p for p in pictures if p is not None]) if all(pictures) else None


def _neighbour_panels(row: ComparisonRow, run: MeasuredRun) -> Iterator[SamplePanel]:
    from PIL import Image

    path = run.path / "evaluation" / "neighbours.png"
    if path.is_file():
        try:
            with Image.open(path) as picture:
                yield SamplePanel(row.label, run.replicate, picture.copy())
        except OSError:  # a damaged file
            return
