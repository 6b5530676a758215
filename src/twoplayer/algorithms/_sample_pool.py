"""The pool: latents and the samples that they have become, which are advanced level by level and never made again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from twoplayer.core import distributed
from twoplayer.core.rng import uniform_rows

__all__ = ["SamplePool"]


class SamplePool:
    """This process's rows of the pool, as a table of (rows of a batch) × (batches in the pool), flattened.

    A shuffle permutes each row of that table by itself, so that the k-th minibatch takes the k-th column: every
    process can then draw the whole shuffle and keep its own rows, and n processes meet the minibatches that one
    would.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.clear()

    def __len__(self) -> int:
        return len(self.latents)

    def clear(self) -> None:
        self.latents = self.samples = torch.empty(0, device=self.device)
        self.age = 0

    def fill(self, latents: Tensor, samples: Tensor) -> None:
        """Begin anew with `latents`, what the generator takes, ``(rows, latent_dim)``, and what it makes of them."""
        self.latents, self.samples, self.age = latents, samples, 0

    def columns(self, size: int, count: int) -> Tensor:
        """Row numbers of the first columns, with `count` rows or somewhat more; `size` as for minibatches."""
        table = torch.arange(len(self), device=self.device).view(size, -1)
        return table[:, : -(-count // size)].flatten()

    def minibatches(self, size: int, random: torch.Generator) -> list[Tensor]:
        """Row numbers of shuffled minibatches of `size` that meet every row once."""
        columns = len(self) // size
        order = uniform_rows((size, columns), random).argsort(dim=1, stable=True)
        rows = order + torch.arange(size, device=order.device)[:, None] * columns
        return list(rows.T.contiguous().to(self.device))

    def state_dict(self) -> dict[str, Any]:
        """All processes' rows, and the samples' layout in memory, on which kernels and thus the last bits depend.

        Every process must ask at once.
        """
        strides = list(self.samples.stride())
        return {
            "latents": distributed.gather(self.latents),
            "samples": distributed.gather(self.samples),
            "strides": strides,
            "age": self.age,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.latents = _own(state["latents"]).to(self.device)
        samples = _own(state["samples"])
        self.samples = torch.empty_strided(
            tuple(samples.shape), tuple(state["strides"]), dtype=samples.dtype, device=self.device
        )
        self.samples.copy_(samples)
        self.age = int(state["age"])


def _own(whole: Tensor) -> Tensor:
    """This process's rows."""
    return whole.chunk(distributed.process_count())[distributed.process_index()] if len(whole) else whole
