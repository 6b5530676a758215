"""Minibatches of a data set in an order that is a function of the seed and the position alone."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from twoplayer.core import distributed
from twoplayer.core.device import DeviceConfig
from twoplayer.core.rng import numpy_generator, torch_generator
from twoplayer.data._base import Dataset
from twoplayer.games._base import Batch
from twoplayer.games._factory import ConditioningData
from twoplayer.sampling.generate import to_network

__all__ = ["Batches", "to_network"]

RESIDENT_SHARE = 0.3
"""Largest share of an accelerator's free memory that the data set may take up for good."""


class Batches(Iterator[Batch]):
    """An endless stream of minibatches; each process gets its own rows of every batch.

    An epoch is a permutation of the training samples by (seed, "order", epoch); a last partial batch is left
    out. Real samples are read when a batch is first asked for them, so that a generator step that needs none
    reads none: `drawn` counts batches handed out, `read` those whose real samples were looked at, and `seen` those of
    them that the critic learned from. What is known beside the samples may be looked at without: the next batch then
    has the same rows.

    `knowledge` is what the game studied: the conditions that are a batch's `given`, and whether the pairing is to be
    hidden; a partner that is not paired, or not to be, has a permutation of its own.
    """

    def __init__(
        self,
        dataset: Dataset,
        batch: int,
        seed: int,
        placement: DeviceConfig,
        knowledge: ConditioningData | None = None,
    ) -> None:
        self.dataset, self.batch, self.seed, self.placement = dataset, batch, seed, placement
        knowledge = knowledge or ConditioningData()
        self.conditions, self.wrong = knowledge.conditions, knowledge.wrong
        self.size = batch // distributed.process_count()
        self.drawn = self.read = self.seen = self.rounds = 0
        self.order = _Order(len(dataset.train), batch, seed, "order")
        self.partner_order = self.order
        if dataset.partner_train is not None and (knowledge.apart or not dataset.paired):
            self.partner_order = _Order(len(dataset.partner_train), batch, seed, "partner order")
        self._resident = self._put_on_device(dataset.train)
        self._resident_partner = self._put_on_device(dataset.partner_train)

    def __next__(self) -> Batch:
        self.drawn += 1
        return _Batch(self, self.drawn)

    @property
    def images_seen(self) -> int:
        return self.seen * self.batch

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
        device = self.placement.device
        if self.dataset.kind == "images":  # as bytes, a quarter of what networks see
            raw = raw.to(device)
        return self.placement.samples(to_network(raw, self.dataset).to(device))

    def _put_on_device(self, stored: np.ndarray | None) -> Tensor | None:
        device = self.placement.device
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


class _Batch(Batch):
    def __init__(self, stream: Batches, number: int) -> None:
        self._stream, self._number = stream, number
        self.size, self.rounds = stream.size, stream.rounds

    @cached_property
    def _place(self) -> int:
        return self._stream.read

    @cached_property
    def _rows(self) -> np.ndarray:
        return self._stream.order.rows(self._place)

    @cached_property
    def real(self) -> Tensor:  # type: ignore[override]
        own = self._rows[self._stream.own]
        self._stream.read += 1
        self._stream.seen += self.for_critic
        return self._stream.samples(own)

    @cached_property
    def labels(self) -> Tensor:  # type: ignore[override]
        labels = self._stream.dataset.train_labels
        if labels is None:
            raise TypeError(f"{self._stream.dataset.name} has no labels")
        return torch.from_numpy(labels[self._rows[self._stream.own]]).to(self._stream.placement.device)

    @cached_property
    def given(self) -> Tensor:  # type: ignore[override]
        return self._own_rows(self._whole_given)

    @cached_property
    def mismatched(self) -> Tensor:  # type: ignore[override]
        if self._stream.wrong is None:
            raise TypeError("this game studied no wrong conditions")
        random = numpy_generator(self._stream.seed, "wrong conditions", self._place)
        return self._own_rows(self._stream.wrong(self._rows, random))

    def others(self, times: int) -> Tensor:  # type: ignore[override]
        stream = self._stream
        random = numpy_generator(stream.seed, "other conditions", self._number)
        rows = random.integers(len(stream.dataset.train), size=stream.batch * times)
        return self._own_rows(self._conditions(rows, random).reshape(stream.batch, times, -1)).flatten(0, 1)

    @cached_property
    def partner(self) -> Tensor:  # type: ignore[override]
        rows = self._stream.partner_order.rows(self._place)
        return self._stream.partners(rows[self._stream.own])

    def random(self, purpose: str) -> torch.Generator:
        return torch_generator(self._stream.seed, purpose, self._number, self._stream.placement.device)

    @cached_property
    def _whole_given(self) -> np.ndarray:
        return self._conditions(self._rows, numpy_generator(self._stream.seed, "conditions", self._place))

    def _conditions(self, rows: np.ndarray, random: np.random.Generator) -> np.ndarray:
        if self._stream.conditions is None:
            raise TypeError("this game studied no conditions")
        return self._stream.conditions(rows, random)

    def _own_rows(self, whole: np.ndarray) -> Tensor:
        own = np.ascontiguousarray(whole[self._stream.own], np.float32)
        return torch.from_numpy(own).to(self._stream.placement.device)
