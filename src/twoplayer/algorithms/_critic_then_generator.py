"""What alternating and unrolled games share: k critic steps, then one generator step."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import torch

from twoplayer.algorithms._base import AdversarialAlgorithm, OptimizerFactory, StepRecord
from twoplayer.core.ranges import at_least
from twoplayer.games._problem import Batch, BatchStream, Loss, TrainingProblem

__all__ = ["CriticThenGenerator"]


class CriticThenGenerator(AdversarialAlgorithm):
    """The critic moves `critic_steps` times, then the generator once.

    With `reuse_samples` the generator's loss is taken on the samples that the last critic step saw, so that one pass of
    the generator serves both players, as in DCGAN's own code. Without it the generator draws new latents, as
    Algorithm 1 is printed.
    """

    schedulable: ClassVar[frozenset[str]] = frozenset({"critic_steps"})

    def __init__(
        self, problem: TrainingProblem, make_optimizer: OptimizerFactory, *, critic_steps: int, reuse_samples: bool
    ) -> None:
        at_least(1, critic_steps=critic_steps)
        super().__init__(problem, make_optimizer)
        self.critic_steps, self.reuse_samples = critic_steps, reuse_samples

    @abstractmethod
    def generator_loss(self, batch: Batch, generated: Any) -> Loss:
        """What the generator minimizes against the critic as it is now."""

    def step(self, batches: BatchStream) -> StepRecord:
        record = StepRecord()
        for k in range(self.critic_steps):  # Goodfellow et al. 2014, Algorithm 1
            shared = self.reuse_samples and k == self.critic_steps - 1
            batch = next(batches)
            with torch.set_grad_enabled(shared):
                generated = self.game.generate(batch)
            record.add(self.optimizer_step("critic", self.game.critic_loss(batch, generated)))
            self.game.after_critic_step()
            lazy = self.game.lazy_critic_loss(batch, generated)
            if lazy is not None:
                self.optimizer_step("critic", lazy)
                record.add(lazy.parts)
                self.game.after_critic_step()
        if not self.reuse_samples:
            batch = batches.without_critic(reads_data=self.game.generator_reads_data)
            generated = self.game.generate(batch)
        loss = self.generator_loss(batch, generated)
        penalty = self.game.generator_penalty(batch, lazy=False)
        record.add(self.optimizer_step("generator", loss if penalty is None else loss + penalty))
        lazy = self.game.generator_penalty(batch, lazy=True)
        if lazy is not None:
            self.optimizer_step("generator", lazy)
            record.add(lazy.parts)
        self.game.end_step()
        return record
