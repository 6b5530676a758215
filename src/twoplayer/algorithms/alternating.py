"""Alternating: k critic steps, then one generator step.

Source: Goodfellow et al. 2014, "Generative Adversarial Networks", Algorithm 1.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn

from twoplayer.algorithms._base import Algorithm, OptimizerFactory, Record
from twoplayer.errors import UserError
from twoplayer.games._base import Batch, Game
from twoplayer.ranges import Count

__all__ = ["Alternating"]


class Alternating(Algorithm):
    """The critic moves `critic_steps` times, then the generator once.

    With `reuse` the generator answers on the samples that the last critic step saw, so that one pass of the
    generator serves both players, as in DCGAN's own code. Without it the generator draws new latents, as
    Algorithm 1 is printed.
    """

    def __init__(
        self, game: Game, make_optimizer: OptimizerFactory, *, critic_steps: Count = 1, reuse: bool = True
    ) -> None:
        if critic_steps < 1:
            raise UserError(f"critic_steps must be at least 1, not {critic_steps}")
        super().__init__(game, make_optimizer)
        self.critic_steps, self.reuse = critic_steps, reuse

    @property
    def sampler(self) -> nn.Module:
        return self.game.sampler

    def round(self, batches: Iterator[Batch]) -> Record:
        record = Record()
        for step in range(self.critic_steps):  # Algorithm 1
            shared = self.reuse and step == self.critic_steps - 1
            batch = next(batches)
            with torch.set_grad_enabled(shared):
                generated = self.game.generate(batch)
            record.add(self.move("critic", self.game.critic_loss(batch, generated)))
            self.game.after_critic_step()
        if not self.reuse:
            batch = next(batches)
            generated = self.game.generate(batch)
        record.add(self.move("generator", self.game.generator_loss(batch, generated)))
        self.game.end_round()
        return record
