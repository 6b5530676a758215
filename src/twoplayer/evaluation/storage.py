"""What an evaluation writes into a run's folder: metric values, and pictures of near samples and of latent paths."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from twoplayer.core.errors import UserError
from twoplayer.core.files import read_json, write_atomic, write_json
from twoplayer.measurement.renamed_values import stored_metric_values

if TYPE_CHECKING:
    from pathlib import Path

    from PIL.Image import Image

    from twoplayer.data._base import Dataset
    from twoplayer.evaluation.result import Evaluation
    from twoplayer.inference.trained_run import TrainedRun
    from twoplayer.measurement import Measurement

__all__ = ["FILE", "DrawnSamples", "keep", "read_evaluation"]

FILE = "evaluation.json"
PICTURES = ("neighbours", "neighbours_held_out", "interpolations")
PICTURE_ROWS = 8
RENAMED_DRAWN_FIELDS = {"asked": "count"}
"""Earlier fields of `DrawnSamples` in ``evaluation.json``."""


@dataclass(frozen=True)
class DrawnSamples:
    """How the samples of an evaluation were drawn: these fields and the checkpoint determine them."""

    count: int
    seed: int
    refine: int | None


def read_evaluation(folder: Path) -> dict[str, Any] | None:
    """The content of ``evaluation.json`` in a run's folder ``evaluation`` under today's names; None where none lies.

    Raises `UserError` for a damaged file.
    """
    file = folder / FILE
    if not file.is_file():
        return None
    document = read_json(file)
    if not isinstance(document, dict):
        raise UserError(f"{file} is corrupt: delete it, or evaluate again")
    rest = {key: value for key, value in document.items() if key != "figures"}
    if isinstance(drawn := document.get("drawn"), Mapping):
        rest["drawn"] = {RENAMED_DRAWN_FIELDS.get(key, key): value for key, value in drawn.items()}
    return {**rest, "metric_values": stored_metric_values(document)}


def keep(run: TrainedRun, evaluation: Evaluation, data: Dataset, measured: Measurement, drawn: DrawnSamples) -> None:
    """Write ``evaluation.json`` and its pictures into the run's folder ``evaluation``.

    Values of the same samples from an earlier evaluation are kept, and its pictures too where no extractor was used
    now. ``neighbours.png`` shows the samples that are nearest to the training data, in the features of the first
    extractor, beside their nearest training samples; ``neighbours_held_out.png`` the same for held-out data;
    ``interpolations.png`` samples along paths through the latent space. There are no neighbour pictures of points. If
    the process is killed, the folder holds a complete evaluation or none.

    Args:
        run: the run.
        evaluation: the result.
        data: the data set that was measured against.
        measured: the measurement with its features.
        drawn: how the samples were drawn.
    """
    file = run.folder.evaluation / FILE
    document = {**evaluation.document(), "drawn": asdict(drawn)}
    earlier = _earlier(document, run.folder.evaluation)
    if earlier is not None:
        document = _merged(document, earlier)
        if not measured.extractors:
            write_json(file, {**document, "distance_unit": earlier.get("distance_unit")})
            return
    file.unlink(missing_ok=True)
    has_neighbours = data.kind == "images" and measured.extractors
    pictures, unit = _neighbour_pictures(run, data, measured, drawn) if has_neighbours else ({}, None)
    _write_pictures(file.parent, {**pictures, **_path_picture(run, drawn.refine)})
    write_json(file, {**document, "distance_unit": unit})


def _earlier(document: Mapping[str, Any], folder: Path) -> Mapping[str, Any] | None:
    """An earlier evaluation of the same samples; None where there is none, or a damaged one."""
    try:
        earlier = read_evaluation(folder)
    except UserError:
        return None
    same = ("step", "images_seen", "samples", "drawn")
    if earlier is None or any(earlier.get(key) != document[key] for key in same):
        return None
    return earlier


def _merged(document: Mapping[str, Any], earlier: Mapping[str, Any]) -> dict[str, Any]:
    """The document with the further values and notes of the earlier one."""
    names = {value["name"] for value in document["metric_values"]}
    values = [*document["metric_values"], *(v for v in earlier["metric_values"] if v["name"] not in names)]
    notes = dict.fromkeys([*document["notes"], *earlier.get("notes", ())])
    return {**document, "metric_values": values, "notes": list(notes)}


def _write_pictures(folder: Path, pictures: Mapping[str, Image]) -> None:
    from twoplayer.sampling.image_grid import png_bytes

    for name in PICTURES:
        if name in pictures:
            write_atomic(folder / f"{name}.png", png_bytes(pictures[name]))
        else:
            (folder / f"{name}.png").unlink(missing_ok=True)


def _neighbour_pictures(
    run: TrainedRun, data: Dataset, measured: Measurement, drawn: DrawnSamples
) -> tuple[dict[str, Image], float | None]:
    """The pictures, and the unit of the distances on them: the median for held-out images, or None without any."""
    from twoplayer.evaluation.nearest_neighbours import nearest_to_training, neighbour_grid
    from twoplayer.extractors._base import ExtractorContext
    from twoplayer.measurement.reference_features import random_rows, real_features

    real = real_features(data, measured.extractors[0], ExtractorContext(run.placement.device))
    train, train_rows = real.train.features, random_rows(len(data.train))
    generated, held_out = measured.features[0].features, real.held_out.features[: measured.count]
    nearest = {"neighbours": nearest_to_training(generated, train, rows=PICTURE_ROWS)}
    if len(held_out):
        nearest["neighbours_held_out"] = nearest_to_training(held_out, train, rows=PICTURE_ROWS)
    unit = nearest["neighbours_held_out"].median_distance if len(held_out) else 0.0
    held_out_rows = random_rows(len(data.held_out), "held out", len(data.held_out))
    pictures = {}
    for name, each in nearest.items():
        images = (
            _draw_again(run, drawn, each.samples)
            if name == "neighbours"
            else data.held_out[held_out_rows[each.samples]]
        )
        pictures[name] = neighbour_grid(images, data.train[train_rows[each.neighbours]], each.distances / (unit or 1.0))
    return pictures, unit or None


def _draw_again(run: TrainedRun, drawn: DrawnSamples, rows: np.ndarray) -> np.ndarray:
    """The samples at `rows` of the evaluation, which were not stored."""
    from twoplayer.sampling.generate import SampleFormat, draw, refined

    inputs = run.inputs.draw(drawn.count, drawn.seed, "evaluation")[rows]
    with refined(run.generator, drawn.refine) as generator:
        return draw(generator, inputs, SampleFormat.of(run.data), run.placement)


def _path_picture(run: TrainedRun, refine: int | None) -> dict[str, Image]:
    """The picture of latent paths, where the generator has latents."""
    from twoplayer.inference.latent_paths import interpolations

    return {"interpolations": interpolations(run, refine=refine).picture()} if run.has_latents else {}
