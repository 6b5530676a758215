"""What evaluating leaves in a run's folder: the figures, and pictures of copies and of paths."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from twoplayer.core.errors import UserError
from twoplayer.core.files import read_json, write_atomic, write_json

if TYPE_CHECKING:
    from pathlib import Path

    from PIL.Image import Image

    from twoplayer.data._base import Dataset
    from twoplayer.evaluation.result import Evaluation
    from twoplayer.inference.trained_run import TrainedRun
    from twoplayer.measurement import Measurement

__all__ = ["DrawnSamples", "keep"]

PICTURES = ("neighbours", "neighbours_held_out", "interpolations")
ROWS = 8


@dataclass(frozen=True)
class DrawnSamples:
    """How the samples that were measured came about."""

    asked: int
    seed: int
    refine: int | None


def keep(run: TrainedRun, found: Evaluation, data: Dataset, measured: Measurement, drawn: DrawnSamples) -> None:
    """Write ``evaluation.json`` and its pictures into the run's folder ``evaluation``.

    Figures of the same samples that an earlier evaluation left stay beside those found now, and its pictures where no
    extractor has looked at them now. ``neighbours.png`` shows
    the samples that come nearest to the training data, to the eyes of the first extractor, beside what they come near;
    ``neighbours_held_out.png`` the same for held-out data; ``interpolations.png`` samples along paths through the
    latent space. Points have no neighbours to look at. Killed at any moment, it leaves a whole evaluation or none.
    """
    file = run.folder.evaluation / "evaluation.json"
    document = {**found.document(), "drawn": asdict(drawn)}
    earlier = _earlier(document, file)
    if earlier is not None:
        document = _joined(document, earlier)
        if not measured.extractors:
            write_json(file, {**document, "distance_unit": earlier.get("distance_unit")})
            return
    file.unlink(missing_ok=True)
    visible = data.kind == "images" and measured.extractors
    pictures, unit = _neighbours(run, data, measured, drawn) if visible else ({}, None)
    _write_pictures(file.parent, {**pictures, **_paths(run, drawn.refine)})
    write_json(file, {**document, "distance_unit": unit})


def _earlier(document: Mapping[str, Any], file: Path) -> Mapping[str, Any] | None:
    """What an earlier evaluation of the same samples found; None where there is none, or none that is whole."""
    try:
        earlier = read_json(file)
    except UserError:
        return None
    same = ("step", "images_seen", "samples", "drawn")
    if not isinstance(earlier, Mapping) or any(earlier.get(key) != document[key] for key in same):
        return None
    return earlier


def _joined(document: Mapping[str, Any], earlier: Mapping[str, Any]) -> dict[str, Any]:
    """The document with what the earlier one found besides."""
    names = {figure["name"] for figure in document["figures"]}
    figures = [*document["figures"], *(f for f in earlier.get("figures", ()) if f["name"] not in names)]
    notes = dict.fromkeys([*document["notes"], *earlier.get("notes", ())])
    return {**document, "figures": figures, "notes": list(notes)}


def _write_pictures(folder: Path, pictures: Mapping[str, Image]) -> None:
    from twoplayer.sampling.image_grid import png_bytes

    for name in PICTURES:
        if name in pictures:
            write_atomic(folder / f"{name}.png", png_bytes(pictures[name]))
        else:
            (folder / f"{name}.png").unlink(missing_ok=True)


def _neighbours(
    run: TrainedRun, data: Dataset, measured: Measurement, drawn: DrawnSamples
) -> tuple[dict[str, Image], float | None]:
    """The sheets, and the distance that is 1 on them: a typical held-out image's; None for distances as they are."""
    from twoplayer.evaluation.nearest_neighbours import closest, sheet
    from twoplayer.extractors._base import ExtractorContext
    from twoplayer.measurement._reference_features import places, reference

    known = reference(data, measured.extractors[0], ExtractorContext(run.placement.device))
    train, rows = known.train.features, places(len(data.train))
    ours, theirs = measured.seen[0].features, known.held_out.features[: measured.count]
    found = {"neighbours": closest(ours, train, rows=ROWS)}
    if len(theirs):
        found["neighbours_held_out"] = closest(theirs, train, rows=ROWS)
    unit = found["neighbours_held_out"].typical if len(theirs) else 0.0
    held_out = places(len(data.held_out), "held out", len(data.held_out))
    sheets = {}
    for name, those in found.items():
        images = _again(run, drawn, those.samples) if name == "neighbours" else data.held_out[held_out[those.samples]]
        sheets[name] = sheet(images, data.train[rows[those.neighbours]], those.distances / (unit or 1.0))
    return sheets, unit or None


def _again(run: TrainedRun, drawn: DrawnSamples, chosen: np.ndarray) -> np.ndarray:
    """Some of the samples, drawn once more: they were not kept."""
    from twoplayer.sampling.generate import SampleFormat, draw, refined

    inputs = run.inputs.draw(drawn.asked, drawn.seed, "evaluation")[chosen]
    with refined(run.generator, drawn.refine) as generator:
        return draw(generator, inputs, SampleFormat.of(run.data), run.placement)


def _paths(run: TrainedRun, refine: int | None) -> dict[str, Image]:
    """The picture of paths, where the generator starts from latents."""
    from twoplayer.inference.latent_paths import has_latents, interpolations

    return {"interpolations": interpolations(run, refine=refine).picture()} if has_latents(run) else {}
