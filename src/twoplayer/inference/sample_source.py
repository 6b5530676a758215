"""Samples of one kind and shape, wherever they lie, read chunk by chunk."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from twoplayer.core.errors import UserError
from twoplayer.core.rng import numpy_generator
from twoplayer.data._labels import UNLABELLED, Labels
from twoplayer.data._types import Array

__all__ = ["IndexedChunk", "SampleSource"]


class IndexedChunk(NamedTuple):
    """Samples with their indices in the source; unreadable samples are left out."""

    indices: Array
    """int64 ``(B,)``."""
    samples: Array
    """Images uint8 ``(B, H, W, C)`` or points ``(B, D)``."""


@dataclass(eq=False)
class SampleSource:
    """Samples of one kind and shape that are read chunk by chunk.

    Every command that reads samples gets one, made by a function of `twoplayer.inference.open_samples`.

    Args:
        name: name of the source in messages.
        kind: images or points.
        shape: shape of one sample: ``(H, W, C)`` or ``(D,)``; H and W are None where they vary.
        count: number of samples, unreadable ones included; None for an iterable.
        read: reads the samples at the given indices, or all for None, chunk by chunk.
        labels: class indices of all samples and the class names, where the source has labels.
        first_test: index from which on samples belong to the source's own test part; None without one.
        files: file of each sample, where each has one; empty otherwise.
        notes: what was done to the samples; notes on unreadable files are added while they are read.
        total: number of samples that a random part was drawn from.

    >>> from twoplayer.inference.open_samples import open_samples
    >>> source = open_samples(np.arange(12.0).reshape(6, 2))
    >>> source.kind, source.shape, source.count
    ('points', (2,), 6)
    >>> next(source.random_part(4, seed=0).chunks()).shape
    (4, 2)
    """

    name: str
    kind: Literal["images", "points"]
    shape: tuple[int | None, ...]
    count: int | None
    read: Callable[[Array | None], Iterator[IndexedChunk]]
    labels: Labels = UNLABELLED
    first_test: int | None = None
    files: Sequence[str | Path] = ()
    notes: list[str] = field(default_factory=list)
    total: int | None = None

    def chunks(self, rows: Array | None = None) -> Iterator[Array]:
        """The samples, or those at `rows` in that order: images uint8 ``(B, H, W, C)`` or points ``(B, D)``."""
        return (chunk.samples for chunk in self.read(rows))

    def indexed_chunks(self, rows: Array | None = None) -> Iterator[IndexedChunk]:
        """The samples, or those at `rows`, with their indices in the source."""
        return self.read(rows)

    def array(self) -> Array:
        """All samples in one array."""
        return np.concatenate(list(self.chunks()))

    def loaded(self) -> SampleSource:
        """The same samples, read once and held in memory."""
        samples = self.array()

        def read(rows: Array | None) -> Iterator[IndexedChunk]:
            indices = np.arange(len(samples)) if rows is None else rows
            yield IndexedChunk(indices, samples[indices])

        return replace(self, count=len(samples), read=read, total=self.total or self.count)

    def random_part(self, n: int | None, seed: int, purpose: str = "part of the samples") -> SampleSource:
        """`n` random samples, in the order of the source; all samples for None or where there are no more.

        Args:
            n: number of samples.
            seed: seed of the selection.
            purpose: a text; different purposes give independent selections.

        Raises:
            UserError: for n below 1, and for an iterable, whose samples cannot be selected.
        """
        if n is None:
            return self
        if n < 1:
            raise UserError(f"cannot take {n} samples: ask for at least 1")
        if self.count is None:
            raise UserError("n samples cannot be taken at random of an iterable: give an array, or leave n out")
        if n >= self.count:
            return self
        return self.selection(np.sort(numpy_generator(seed, purpose).permutation(self.count)[:n]))

    def halves(self, seed: int) -> tuple[SampleSource, SampleSource]:
        """Two disjoint random halves."""
        assert self.count is not None
        order = numpy_generator(seed, "halves").permutation(self.count)
        middle = self.count // 2
        return self.selection(np.sort(order[:middle])), self.selection(np.sort(order[middle : 2 * middle]))

    def selection(self, rows: Array) -> SampleSource:
        """The samples at `rows`."""

        def read(indices: Array | None) -> Iterator[IndexedChunk]:
            return self.read(rows if indices is None else rows[indices])

        labels = Labels(None if self.labels.indices is None else self.labels.indices[rows], self.labels.names)
        files = [self.files[int(row)] for row in rows] if self.files else ()
        return replace(self, count=len(rows), read=read, labels=labels, files=files, total=self.total or self.count)
