"""Descent: all players go down one loss together, for problems of one player such as a likelihood.

Source: Robbins & Monro 1951, "A Stochastic Approximation Method".
"""

from __future__ import annotations

from typing import final

from twoplayer.algorithms._base import Algorithm, OptimizerFactory, StepRecord
from twoplayer.core.errors import UserError
from twoplayer.core.registry import member_name
from twoplayer.games._problem import BatchStream, SinglePlayerProblem, TrainingProblem

__all__ = ["Descent"]


@final
class Descent(Algorithm):
    """One optimizer step of every player down the problem's loss, on one minibatch.

    Raises `UserError` for adversarial games, whose players have losses of their own.
    """

    def __init__(self, problem: TrainingProblem, make_optimizer: OptimizerFactory) -> None:
        if not isinstance(problem, SinglePlayerProblem):
            raise UserError(
                f"descent minimizes one loss, and the players of {member_name(problem)} have one each: set algorithm "
                "to alternating"
            )
        super().__init__(problem, make_optimizer)
        self.single_player = problem

    def step(self, batches: BatchStream) -> StepRecord:
        record = StepRecord(self.optimizer_step(list(self.parameters), self.single_player.loss(next(batches))))
        self.problem.end_step()
        return record
