"""Minibatches of a data set in an order that is a function of the seed and the position alone."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from twoplayer.core import distributed
from twoplayer.core.device import DeviceConfig
from twoplayer.core.rng import numpy_generator, torch_generator
from twoplayer.data._base import Dataset
from twoplayer.games._factory import ConditioningData
from twoplayer.games._problem import Batch, BatchStream
from twoplayer.sampling.generate import to_network

__all__ = ["Batches", "to_network"]

RESIDENT_SHARE = 0.3
"""Largest share of an accelerator's free memory that the data set may take up for good."""


class Batches(BatchStream):
    """An endless stream of minibatches; each process gets its own rows of every batch.

    An epoch is a permutation of the training samples by (seed, "order", epoch); a last partial batch is left out.
    Advancing is explicit: `drawn` counts batches handed out, `read` those whose rows were consumed, and `seen` those of
    them that the critic was trained on. A batch that consumes no rows has the same rows as the next one.

    Args:
        dataset: the data.
        batch_size: rows of a batch, over all processes.
        seed: the run's seed.
        device_config: where the batches go.
        conditioning: what the problem learned from the data: its conditions, and whether the other side's rows follow
            an order of their own.
    """

    def __init__(
        self,
        dataset: Dataset,
        batch_size: int,
        seed: int,
        device_config: DeviceConfig,
        conditioning: ConditioningData | None = None,
    ) -> None:
        self.dataset, self.batch_size, self.seed, self.device_config = dataset, batch_size, seed, device_config
        conditioning = conditioning or ConditioningData()
        self.conditions, self.mismatched = conditioning.conditions, conditioning.mismatched
        self.size = batch_size // distributed.process_count()
        self.drawn = self.read = self.seen = self.step = 0
        self.order = _Order(len(dataset.train), batch_size, seed, "order")
        self.partner_order = self.order
        if dataset.partner_train is not None and (conditioning.shuffle_partners or not dataset.paired):
            self.partner_order = _Order(len(dataset.partner_train), batch_size, seed, "partner order")
        self._resident = self._put_on_device(dataset.train)
        self._resident_partner = self._put_on_device(dataset.partner_train)

    def __next__(self) -> Batch:
        batch = self.without_critic(reads_data=True)
        self.seen += 1
        return batch

    def without_critic(self, *, reads_data: bool) -> Batch:
        self.drawn += 1
        batch = _DatasetBatch(self, self.drawn, self.read)
        self.read += reads_data
        return batch

    @property
    def images_seen(self) -> int:
        return self.seen * self.batch_size

    @property
    def own(self) -> slice:
        """This process's rows of a whole batch."""
        start = distributed.process_index() * self.size
        return slice(start, start + self.size)

    def samples(self, rows: np.ndarray) -> Tensor:
        """Those training samples as networks see them, on the device."""
        return self._to_device(self.dataset.train, self._resident, rows)

    def partners(self, rows: np.ndarray) -> Tensor:
        """Those samples of the training data's other side as networks see them, on the device."""
        if self.dataset.partner_train is None:
            raise TypeError(f"{self.dataset.name} has no other side")
        return self._to_device(self.dataset.partner_train, self._resident_partner, rows)

    def _to_device(self, stored: np.ndarray, resident: Tensor | None, rows: np.ndarray) -> Tensor:
        if resident is not None:
            raw = resident[torch.from_numpy(rows).to(resident.device)]
        else:
            raw = torch.from_numpy(np.ascontiguousarray(stored[rows]))
        device = self.device_config.device
        if self.dataset.kind == "images":  # as bytes, a quarter of what networks see
            raw = raw.to(device)
        return self.device_config.samples(to_network(raw, self.dataset).to(device))

    def _put_on_device(self, stored: np.ndarray | None) -> Tensor | None:
        device = self.device_config.device
        if device.type != "cuda" or stored is None:
            return None
        free, _ = torch.cuda.mem_get_info(device)
        if stored.nbytes > RESIDENT_SHARE * free:
            return None
        return torch.from_numpy(np.ascontiguousarray(stored)).to(device)


class _Order:
    """Rows of whole batches, a permutation of `count` for each epoch by (seed, purpose, epoch)."""

    def __init__(self, count: int, batch: int, seed: int, purpose: str) -> None:
        self.count, self.batch, self.seed, self.purpose = count, batch, seed, purpose
        self._epoch, self._permutation = -1, np.empty(0, np.int64)

    def rows(self, place: int) -> np.ndarray:
        """Indices of batch number `place`, over all processes."""
        epoch, step = divmod(place, self.count // self.batch)
        if epoch != self._epoch:
            self._epoch = epoch
            self._permutation = numpy_generator(self.seed, self.purpose, epoch).permutation(self.count)
        return self._permutation[step * self.batch : (step + 1) * self.batch]


class _DatasetBatch(Batch):
    def __init__(self, stream: Batches, number: int, place: int) -> None:
        self._stream, self._number, self._place = stream, number, place
        self.size, self.step = stream.size, stream.step

    @cached_property
    def _rows(self) -> np.ndarray:
        """Row indices of the whole batch, over all processes."""
        return self._stream.order.rows(self._place)

    @cached_property
    def real(self) -> Tensor:  # type: ignore[override]
        return self._stream.samples(self._rows[self._stream.own])

    @cached_property
    def labels(self) -> Tensor:  # type: ignore[override]
        labels = self._stream.dataset.train_labels
        if labels is None:
            raise TypeError(f"{self._stream.dataset.name} has no labels")
        return torch.from_numpy(labels[self._rows[self._stream.own]]).to(self._stream.device_config.device)

    @cached_property
    def conditions(self) -> Tensor:  # type: ignore[override]
        random = numpy_generator(self._stream.seed, "conditions", self._place)
        return self._own_rows(self._conditions(self._rows, random))

    @cached_property
    def mismatched_conditions(self) -> Tensor:  # type: ignore[override]
        if self._stream.mismatched is None:
            raise TypeError("this game has no mismatched conditions")
        random = numpy_generator(self._stream.seed, "wrong conditions", self._place)
        return self._own_rows(self._stream.mismatched(self._rows, random))

    def random_conditions(self, times: int) -> Tensor:  # type: ignore[override]
        stream = self._stream
        random = numpy_generator(stream.seed, "other conditions", self._number)
        rows = random.integers(len(stream.dataset.train), size=stream.batch_size * times)
        return self._own_rows(self._conditions(rows, random).reshape(stream.batch_size, times, -1)).flatten(0, 1)

    @cached_property
    def partner(self) -> Tensor:  # type: ignore[override]
        rows = self._stream.partner_order.rows(self._place)
        return self._stream.partners(rows[self._stream.own])

    def random(self, purpose: str) -> torch.Generator:
        return torch_generator(self._stream.seed, purpose, self._number, self._stream.device_config.device)

    def _conditions(self, rows: np.ndarray, random: np.random.Generator) -> np.ndarray:
        if self._stream.conditions is None:
            raise TypeError("this game has no conditions")
        return self._stream.conditions(rows, random)

    def _own_rows(self, whole: np.ndarray) -> Tensor:
        own = np.ascontiguousarray(whole[self._stream.own], np.float32)
        return torch.from_numpy(own).to(self._stream.device_config.device)
