"""Samples from wherever they lie: files, known data sets, arrays, or a run, which draws them."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from twoplayer import data
from twoplayer.core.errors import UserError
from twoplayer.core.rng import numpy_generator
from twoplayer.data._base import Dataset, DataSettings
from twoplayer.data._images import Images
from twoplayer.data._open import source_for
from twoplayer.data._path_source import PathSource
from twoplayer.data._sizes import count_sizes
from twoplayer.data._stream import plan_resize
from twoplayer.data.array import InMemory
from twoplayer.runs.run_dir import RunFolder

__all__ = ["SampleSet", "gather", "is_run"]

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class SampleSet:
    """Samples and where they come from."""

    name: str
    kind: Literal["images", "points"]
    samples: Array
    """Images uint8 ``(N, H, W, C)`` or points ``(N, D)``, in random order only where they are a part of more."""
    of: int
    """How many there are in all: more than the samples where those are a random part."""
    notes: tuple[str, ...] = ()
    """What was left out or changed, a clause each."""

    def __len__(self) -> int:
        return len(self.samples)

    def halves(self, seed: int) -> tuple[SampleSet, SampleSet]:
        """Two sets that share no sample, each a random half."""
        order = numpy_generator(seed, "halves").permutation(len(self))
        middle = len(self) // 2
        parts = (order[:middle], order[middle : 2 * middle])
        first, second = (replace(self, samples=self.samples[np.sort(part)]) for part in parts)
        return first, second


def gather(
    what: Any, *, n: int, seed: int = 0, purpose: str = "gather", resolution: int | None = None, device: str = "auto"
) -> SampleSet:
    """At most `n` samples of `what`: everything that `data.load` opens, or a run or its folder, which draws `n`.

    A data set counts with all its samples, its held-out or test part included; of more than `n` a random part is taken,
    which (seed, purpose) fix. Files of small pictures keep the pictures' own size, larger ones are brought to the
    source's usual resolution, all of them to `resolution` where it is given. Raises `UserError` where nothing can be
    read, for pictures of several sizes that are not all larger than usual, and for a `resolution` that a run does not
    have.
    """
    if n < 1:
        raise UserError(f"cannot take {n} samples: ask for at least 1")
    if is_run(what):
        return _drawn(what, n, seed, purpose, resolution, device)
    dataset, notes = _opened(what, resolution)
    total = len(dataset.train) + len(dataset.held_out)
    if dataset.skipped:
        notes.append(f"{len(dataset.skipped)} of its files cannot be read and are left out")
    rows = np.sort(numpy_generator(seed, f"part for {purpose}").permutation(total)[:n])
    return SampleSet(dataset.name, dataset.kind, _rows(dataset, rows), total, tuple(notes))


def is_run(what: Any) -> bool:
    """Whether `what` is a run, or the path of a run folder."""
    from twoplayer.inference.trained_run import TrainedRun

    return isinstance(what, TrainedRun) or (isinstance(what, str | os.PathLike) and RunFolder(Path(what)).exists)


def _drawn(what: Any, n: int, seed: int, purpose: str, resolution: int | None, device: str) -> SampleSet:
    from twoplayer.inference.trained_run import TrainedRun

    run = what if isinstance(what, TrainedRun) else TrainedRun(Path(what), device=device)
    if run.data["kind"] == "images" and resolution not in (None, run.data["shape"][1]):
        raise UserError(
            f"{run.path} makes images of {run.data['shape'][1]} pixels: leave the resolution out, or bring "
            "the other images to that"
        )
    samples = run.draw(n, seed, purpose)
    return SampleSet(str(run.path), run.data["kind"], samples, n, (f"drawn from the generator of round {run.step:,}",))


def _opened(what: Any, resolution: int | None) -> tuple[Dataset, list[str]]:
    """All samples there are, and a clause where they were resized."""
    settings, made = DataSettings(resolution=resolution, held_out=0.0, minimum=1), source_for(what)
    if not isinstance(made, PathSource | InMemory):
        return data.load(what, settings), []
    found = made.scan(settings)
    if not isinstance(found, Images):
        return found.open(settings), []
    reader = found.read()
    there = count_sizes(reader)
    smallest, usual = min(map(min, there), default=0), found.default_side or math.inf
    if resolution is None and (not there or (len(there) > 1 and smallest < usual)):
        plan_resize(found, reader, None)  # which refuses them
    side = resolution or int(min(smallest, usual))
    resized = sum(count for size, count in there.items() if size != (side, side))
    which = "its images" if resized == sum(there.values()) else f"{resized:,} of its images"
    notes = [f"{which} are brought to squares of {side} pixels"] if resized else []
    return found.open(replace(settings, resolution=side)), notes


def _rows(dataset: Dataset, rows: Array) -> Array:
    """Rows of the training part and the held-out part, numbered through."""
    middle = len(dataset.train)
    parts = (dataset.train[rows[rows < middle]], dataset.held_out[rows[rows >= middle] - middle])
    return np.concatenate([part for part in parts if len(part)])
