"""What CFG and ICFG share: one pool, and one more functional step of the generator in every step."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from itertools import chain
from typing import Any

from torch import Tensor

from twoplayer.algorithms._base import OptimizerFactory, StepRecord
from twoplayer.algorithms._functional_gradient import FunctionalGradientAlgorithm
from twoplayer.core.errors import UserError
from twoplayer.games._problem import Batch, BatchStream, TrainingProblem

__all__ = ["GrowingGenerator"]


class GrowingGenerator(FunctionalGradientAlgorithm):
    """G_t = G_{t−1} + η s ∇D_t(G_{t−1}), t = 1 … `functional_steps`; G_0 is the initialized generator.

    One pool is moved throughout, where Algorithms 1 and 2 draw new z for every minibatch: each sample costs one
    functional step instead of t, and the critic can memorize the pool if it is small. A step counts as a move of the
    generator. Training is done when all functional steps are taken; a further step raises `UserError`.
    """

    def __init__(
        self, problem: TrainingProblem, make_optimizer: OptimizerFactory, *, functional_steps: int, **options: Any
    ) -> None:
        super().__init__(problem, make_optimizer, functional_steps=functional_steps, **options)
        self.max_steps = functional_steps

    def step(self, batches: BatchStream) -> StepRecord:
        if self.done:
            raise UserError(f"all {self.functional_steps} functional steps are taken: set functional_steps higher")
        first = next(batches)
        if not len(self.rows):
            self.fill(first)
        record = self.fit_critic(chain([first], batches), self.minibatches(first))
        # A step may move less and less: samples would else circle where the density is narrow.
        step = self.advance(first.size, 1 - int(self.refined.steps.taken) / self.functional_steps)
        record.add(step.values)
        record.notes += step.notes
        self.updates["generator"] += 1
        self.game.end_step()
        self.done = int(self.refined.steps.taken) == self.functional_steps
        return record

    @abstractmethod
    def fit_critic(self, batches: Iterator[Batch], rows: Iterator[Tensor]) -> StepRecord:
        """Make D_t: critic steps on minibatches of real samples and of pool rows."""
