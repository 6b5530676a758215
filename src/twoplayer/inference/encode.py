"""Encodings of data by a run's encoder or critic, and reconstructions from encodings."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from twoplayer.core.errors import UserError
from twoplayer.core.files import write_atomic
from twoplayer.inference.open_samples import open_for_run
from twoplayer.sampling.samples import Samples

if TYPE_CHECKING:
    from twoplayer.inference.trained_run import TrainedRun

__all__ = ["Encodings", "Reconstructions", "encode_data", "reconstruct_data"]

GRID_COLUMNS = 16
"""Samples in a row of an image grid of reconstructions."""


@dataclass(frozen=True, eq=False)
class Encodings:
    """Features of samples in the order of their source, with labels and file names."""

    features: np.ndarray
    """float32 ``(N, F)``."""
    labels: np.ndarray | None = None
    """int64 ``(N,)`` indices into `class_names`."""
    class_names: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    """Files of the samples; empty where they have none."""
    test: np.ndarray | None = None
    """Which rows belong to the source's own test part, bool ``(N,)``; None without one."""
    skipped: int = 0
    """Number of unreadable samples, which are left out."""

    def save(self, path: Path | str) -> Path:
        """Write all fields (.npz) or the features only (.npy, .csv). Raises `UserError` for other file names."""
        import io

        path, buffer = Path(path), io.BytesIO()
        match path.suffix.lower():
            case ".npz":
                fields = {
                    "labels": self.labels,
                    "class_names": self.class_names,
                    "names": self.names,
                    "test": self.test,
                }
                arrays = {name: np.asarray(value) for name, value in fields.items() if value is not None and len(value)}
                np.savez_compressed(buffer, features=self.features, **arrays)  # type: ignore[arg-type]
            case ".npy":
                np.save(buffer, self.features)
            case ".csv":
                buffer.write("".join(",".join(f"{x:.8g}" for x in row) + "\n" for row in self.features).encode())
            case _:
                raise UserError(f"cannot write features to {path}: give a name that ends in .npz, .npy or .csv")
        write_atomic(path, buffer.getvalue())
        return path


@dataclass(frozen=True, eq=False)
class Reconstructions:
    """Samples and their reconstructions, as the run's data are stored."""

    samples: np.ndarray
    reconstructions: np.ndarray

    def __len__(self) -> int:
        return len(self.samples)

    def __str__(self) -> str:
        unit = "gray values" if self.samples.ndim == 4 else "units of the data"
        return f"{len(self):,} samples, mean absolute error {self.error:.4g} {unit}"

    @property
    def error(self) -> float:
        """Mean absolute difference: in gray values from 0 to 255, or in the units of points."""
        return float(np.abs(self.samples.astype(np.float64) - self.reconstructions).mean())

    def save(self, path: Path | str, *, overwrite: bool = False) -> Path:
        """Write a grid with each sample above its reconstruction (.png), or the reconstructions as `Samples.save`."""
        if Path(path).suffix.lower() != ".png" or self.samples.ndim != 4:
            return Samples(self.reconstructions, self.samples).save(path, overwrite=overwrite)
        columns = min(GRID_COLUMNS, len(self))
        rows = -(-len(self) // columns)
        shape = self.samples.shape[1:]
        grid = np.full((rows, 2, columns, *shape), 255, np.uint8)
        for place, part in enumerate((self.samples, self.reconstructions)):
            padded = np.full((rows * columns, *shape), 255, np.uint8)
            padded[: len(part)] = part
            grid[:, place] = padded.reshape(rows, columns, *shape)
        return Samples(grid.reshape(-1, *shape), columns=columns).save(path)


def encode_data(run: TrainedRun, source: Any, *, by: Literal["encoder", "critic"] = "encoder") -> Encodings:
    """The features of all samples of a source by the run's encoder or critic, in the order of the source.

    Args:
        run: the run.
        source: anything that `twoplayer.data.load` opens.
        by: ``encoder`` for latents, ``critic`` for the features of the critic before its last layer.

    Raises:
        UserError: where nothing can be read, where the data are not of the run's kind, and without an encoder.
    """
    samples = open_for_run(source, run)
    chunks = [(chunk.indices, run.encode(chunk.samples, by=by)) for chunk in samples.indexed_chunks()]
    if not chunks:
        raise UserError(f"nothing in {samples.name} can be read: give images or points")
    indices = np.concatenate([rows for rows, _ in chunks])
    labels, class_names = samples.labels
    assert samples.count is not None
    return Encodings(
        np.concatenate([features for _, features in chunks]),
        None if labels is None else labels[indices],
        class_names,
        tuple(str(samples.files[int(index)]) for index in indices) if samples.files else (),
        None if samples.first_test is None else indices >= samples.first_test,
        samples.count - len(indices),
    )


def reconstruct_data(run: TrainedRun, source: Any, n: int = 32) -> Reconstructions:
    """The first `n` samples of a source and their reconstructions.

    Args:
        run: a run with an encoder.
        source: anything that `twoplayer.data.load` opens.
        n: number of samples.

    Raises:
        UserError: as for `encode_data`.
    """
    if n < 1:
        raise UserError(f"cannot reconstruct {n} samples: ask for at least 1")
    opened = open_for_run(source, run)
    rows = list(islice((row for chunk in opened.chunks() for row in chunk), n))
    if not rows:
        raise UserError(f"nothing in {opened.name} can be read: give images or points")
    samples = np.stack(rows)
    return Reconstructions(samples, run.reconstruct(samples).array)
