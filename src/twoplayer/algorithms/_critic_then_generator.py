"""What alternating and unrolled games share: k critic steps, then one answer of the generator."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from twoplayer.algorithms._base import Algorithm, OptimizerFactory, StepRecord
from twoplayer.core.ranges import at_least
from twoplayer.games._base import Batch, Game, Loss

__all__ = ["CriticThenGenerator"]


class CriticThenGenerator(Algorithm):
    """The critic moves `critic_steps` times, then the generator once.

    With `reuse_samples` the generator answers on the samples that the last critic step saw, so that one pass of the
    generator serves both players, as in DCGAN's own code. Without it the generator draws new latents, as
    Algorithm 1 is printed.
    """

    def __init__(self, game: Game, make_optimizer: OptimizerFactory, *, critic_steps: int, reuse_samples: bool) -> None:
        at_least(1, critic_steps=critic_steps)
        super().__init__(game, make_optimizer)
        self.critic_steps, self.reuse_samples = critic_steps, reuse_samples

    @property
    def sampler(self) -> nn.Module:
        return self.game.sampler

    @abstractmethod
    def answer(self, batch: Batch, generated: Any) -> Loss:
        """What the generator minimizes, given the critic as it is now."""

    def round(self, batches: Iterator[Batch]) -> StepRecord:
        record = StepRecord()
        for step in range(self.critic_steps):  # Goodfellow et al. 2014, Algorithm 1
            shared = self.reuse_samples and step == self.critic_steps - 1
            batch = next(batches)
            with torch.set_grad_enabled(shared):
                generated = self.game.generate(batch)
            record.add(self.move("critic", self.game.critic_loss(batch, generated)))
            self.game.after_critic_step()
        if not self.reuse_samples:
            batch = next(batches)
            batch.for_critic = False
            generated = self.game.generate(batch)
        record.add(self.move("generator", self.answer(batch, generated)))
        self.game.end_round()
        return record
