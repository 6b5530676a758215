"""Minibatches of a data set in an order that is a function of the seed and the position alone."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from twoplayer import parallel
from twoplayer.data._base import Dataset
from twoplayer.games._base import Batch
from twoplayer.rng import numpy_generator, torch_generator
from twoplayer.training.placement import Placement

__all__ = ["Batches"]

RESIDENT_SHARE = 0.3
"""Largest share of an accelerator's free memory that the data set may take up for good."""


class Batches(Iterator[Batch]):
    """An endless stream of minibatches; each process gets its own rows of every batch.

    An epoch is a permutation of the training samples by (seed, "order", epoch); a last partial batch is left
    out. Real samples are read when a batch is first asked for them, so that a generator step that needs none
    reads none: `drawn` counts batches handed out and `read` those whose real samples were looked at.
    """

    def __init__(self, dataset: Dataset, batch: int, seed: int, placement: Placement) -> None:
        self.dataset, self.batch, self.seed, self.placement = dataset, batch, seed, placement
        self.size = batch // parallel.process_count()
        self.per_epoch = len(dataset.train) // batch
        self.drawn = self.read = self.rounds = 0
        self._epoch, self._order = -1, np.empty(0, np.int64)
        self._resident = self._put_on_device()

    def __next__(self) -> Batch:
        self.drawn += 1
        return _Batch(self, self.drawn)

    @property
    def images_seen(self) -> int:
        return self.read * self.batch

    def rows(self) -> np.ndarray:
        """Indices of this process's rows of the next real batch, and move on."""
        epoch, step = divmod(self.read, self.per_epoch)
        if epoch != self._epoch:
            self._epoch = epoch
            self._order = numpy_generator(self.seed, "order", epoch).permutation(len(self.dataset.train))
        self.read += 1
        start = step * self.batch + parallel.process_index() * self.size
        return self._order[start : start + self.size]

    def samples(self, rows: np.ndarray) -> Tensor:
        """Those training samples as networks see them, on the device."""
        if self._resident is not None:
            raw = self._resident[torch.from_numpy(rows).to(self._resident.device)]
        else:
            raw = torch.from_numpy(np.ascontiguousarray(self.dataset.train[rows]))
        device = self.placement.device
        if self.dataset.kind == "images":  # as bytes, a quarter of what networks see
            raw = raw.to(device)
        return self.placement.samples(to_network(raw, self.dataset).to(device))

    def _put_on_device(self) -> Tensor | None:
        device = self.placement.device
        if device.type != "cuda":
            return None
        free, _ = torch.cuda.mem_get_info(device)
        if self.dataset.train.nbytes > RESIDENT_SHARE * free:
            return None
        return torch.from_numpy(np.ascontiguousarray(self.dataset.train)).to(device)


def to_network(raw: Tensor, dataset: Dataset) -> Tensor:
    """Stored samples as networks see them: uint8 ``(B, H, W, C)`` to [−1, 1] ``(B, C, H, W)``, points standardized."""
    if dataset.kind == "images":
        return raw.permute(0, 3, 1, 2).float().div_(127.5).sub_(1)
    if dataset.centre is None or dataset.scale is None:
        return raw.float()
    # In float64, since a centre far from 0 takes float32's digits away.
    centre, scale = (
        torch.as_tensor(a, dtype=torch.float64, device=raw.device) for a in (dataset.centre, dataset.scale)
    )
    return ((raw.double() - centre) / scale).float()


class _Batch(Batch):
    def __init__(self, stream: Batches, number: int) -> None:
        self._stream, self._number = stream, number
        self.size, self.rounds = stream.size, stream.rounds

    @cached_property
    def _rows(self) -> np.ndarray:
        return self._stream.rows()

    @cached_property
    def real(self) -> Tensor:  # type: ignore[override]
        return self._stream.samples(self._rows)

    @cached_property
    def labels(self) -> Tensor:  # type: ignore[override]
        labels = self._stream.dataset.train_labels
        if labels is None:
            raise TypeError(f"{self._stream.dataset.name} has no labels")
        return torch.from_numpy(labels[self._rows]).to(self._stream.placement.device)

    def random(self, purpose: str) -> torch.Generator:
        return torch_generator(self._stream.seed, purpose, self._number, self._stream.placement.device)
