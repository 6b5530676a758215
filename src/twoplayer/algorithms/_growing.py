"""What CFG and ICFG share: one pool, and one more functional step of the generator in every round."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from itertools import chain

from torch import Tensor

from twoplayer.algorithms._base import Record
from twoplayer.algorithms._functional import Functional
from twoplayer.games._base import Batch

__all__ = ["Growing"]


class Growing(Functional):
    """G_t = G_{t−1} + η s ∇D_t(G_{t−1}), t = 1 … `levels`, and done; G_0 is the generator as it was initialized."""

    def round(self, batches: Iterator[Batch]) -> Record:
        first = next(batches)
        if not len(self.rows):
            self.fill(first)
        record = self.fit_critic(chain([first], batches), self.minibatches(first))
        # A step may move less and less: samples would else circle where the density is narrow.
        step = self.advance(first.size, 1 - int(self.refined.steps.taken) / self.levels)
        record.add(step.values)
        record.notes += step.notes
        self.updates["generator"] += 1
        self.game.end_round()
        self.done = int(self.refined.steps.taken) == self.levels
        return record

    @abstractmethod
    def fit_critic(self, batches: Iterator[Batch], rows: Iterator[Tensor]) -> Record:
        """Make D_t: critic steps on minibatches of real samples and of pool rows."""
