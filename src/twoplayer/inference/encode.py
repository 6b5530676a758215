"""Data through a run's encoder, and back through its generator."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from twoplayer.core.errors import UserError
from twoplayer.core.files import write_atomic
from twoplayer.inference.sample_reader import in_order
from twoplayer.sampling.samples import Samples

if TYPE_CHECKING:
    from twoplayer.inference.trained_run import TrainedRun

__all__ = ["Encodings", "Reconstructions", "encode_data", "reconstruct_data"]

COLUMNS = 16
"""Samples in a row of a picture of reconstructions."""


@dataclass(frozen=True, eq=False)
class Encodings:
    """Rows of features, in their source's order, and what the source says of each."""

    features: np.ndarray
    """float32 ``(N, F)``."""
    labels: np.ndarray | None = None
    """int64 ``(N,)`` indices into `class_names`."""
    class_names: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    """Files, where each sample has one."""
    test: np.ndarray | None = None
    """Which rows are of the source's own test part, if it has one: bool ``(N,)``."""
    skipped: int = 0
    """How many samples could not be read."""

    def save(self, path: Path | str) -> Path:
        """Write everything (.npz), or the features alone (.npy, .csv). Raises `UserError` for another name."""
        import io

        path, buffer = Path(path), io.BytesIO()
        match path.suffix.lower():
            case ".npz":
                known = {"labels": self.labels, "class_names": self.class_names, "names": self.names, "test": self.test}
                arrays = {name: np.asarray(value) for name, value in known.items() if value is not None and len(value)}
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
    """Samples and what was made of their encodings, as the run's data are stored."""

    samples: np.ndarray
    reconstructions: np.ndarray

    def __len__(self) -> int:
        return len(self.samples)

    def __str__(self) -> str:
        what = "gray values" if self.samples.ndim == 4 else "units of the data"
        return f"{len(self):,} samples, {self.error:.4g} {what} off on average"

    @property
    def error(self) -> float:
        """Mean absolute difference: in gray values of 255, or in the points' own units."""
        return float(np.abs(self.samples.astype(np.float64) - self.reconstructions).mean())

    def save(self, path: Path | str, *, overwrite: bool = False) -> Path:
        """Write a picture with each sample above its reconstruction (.png), or, as `Samples.save`, the latter alone."""
        if Path(path).suffix.lower() != ".png" or self.samples.ndim != 4:
            return Samples(self.reconstructions, self.samples).save(path, overwrite=overwrite)
        columns = min(COLUMNS, len(self))
        rows = -(-len(self) // columns)
        shape = self.samples.shape[1:]
        sheet = np.full((rows, 2, columns, *shape), 255, np.uint8)
        for place, part in enumerate((self.samples, self.reconstructions)):
            padded = np.full((rows * columns, *shape), 255, np.uint8)
            padded[: len(part)] = part
            sheet[:, place] = padded.reshape(rows, columns, *shape)
        return Samples(sheet.reshape(-1, *shape), columns=columns).save(path)


def encode_data(run: TrainedRun, what: Any, *, by: Literal["encoder", "critic"] = "encoder") -> Encodings:
    """Everything that `data.load` opens, as features by the run's encoder or critic, in the source's own order.

    Raises `UserError` where nothing can be read, where the data are not of the run's kind, and without an encoder.
    """
    ordered = in_order(what, tuple(run.data["shape"]), run.data["kind"])
    pieces = [(indices, run.encode(samples, by=by)) for indices, samples in ordered.pieces()]
    if not pieces:
        raise UserError(f"nothing in {ordered.name} can be read: give images or points")
    indices = np.concatenate([rows for rows, _ in pieces])
    labels, class_names = ordered.labels
    return Encodings(
        np.concatenate([features for _, features in pieces]),
        None if labels is None else labels[indices],
        class_names,
        () if ordered.file is None else tuple(ordered.file(int(index)) for index in indices),
        None if ordered.first_test is None else indices >= ordered.first_test,
        ordered.count - len(indices),
    )


def reconstruct_data(run: TrainedRun, what: Any, n: int = 32) -> Reconstructions:
    """The first `n` samples of everything that `data.load` opens, and their reconstructions.

    Raises `UserError` as `encode_data` does.
    """
    if n < 1:
        raise UserError(f"cannot reconstruct {n} samples: ask for at least 1")
    ordered = in_order(what, tuple(run.data["shape"]), run.data["kind"])
    rows = list(islice((row for _, samples in ordered.pieces() for row in samples), n))
    if not rows:
        raise UserError(f"nothing in {ordered.name} can be read: give images or points")
    samples = np.stack(rows)
    return Reconstructions(samples, run.reconstruct(samples).array)
