"""CFG: functional gradient steps, each along a critic that was fitted to near-optimality for it.

Source: Johnson & Zhang 2018, "Composite Functional Gradient Learning of Generative Adversarial Models", Algorithm 1.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import final

import torch
from torch import Tensor

from twoplayer.algorithms._base import OptimizerFactory, StepRecord
from twoplayer.algorithms._growing_generator import GrowingGenerator
from twoplayer.algorithms._refined_generator import Scaling
from twoplayer.algorithms._step_size import StepSize
from twoplayer.core import distributed
from twoplayer.core.ranges import Count, Positive, Share, at_least
from twoplayer.games._problem import Batch, TrainingProblem

__all__ = ["CFG"]

BLOCK = 20
"""Critic steps whose mean loss is compared with that of as many before."""
PATIENCE = 2
"""Blocks in a row without a lower loss that end the fit; a single one is often noise."""


@final
class CFG(GrowingGenerator):
    """Each step fits the critic and then moves the pool once; after `functional_steps` steps training is done.

    The critic's fit ends when the mean loss of 20 critic steps was no lower than the lowest so far twice in a row.

    Departures from Algorithm 1: one pool throughout instead of new z, near-optimality judged by the training loss of a
    moving critic, a warm start unless `reset_critic`, and η as described.

    Args:
        functional_steps: functional gradient steps, T in the paper.
        critic_steps: critic steps before each of them, at most.
        reset_critic: whether the critic starts from its first weights each time, or from the last step's.
        pool_size: samples that are moved.
        scaling: s(x): ``one``, ``gan0`` or ``gan1``.
        step_size: η; None chooses it so that the first step moves samples by `step_share` of the data's standard
            deviation; all others take its η, and the largest move falls linearly to 0.
        step_share: largest move of a step, as a share of the data's standard deviation, in (0, 1].
    """

    def __init__(
        self,
        problem: TrainingProblem,
        make_optimizer: OptimizerFactory,
        *,
        functional_steps: Count = 200,
        critic_steps: Count = 200,
        reset_critic: bool = False,
        pool_size: Count = 10_000,
        scaling: Scaling = "one",
        step_size: Positive | None = None,
        step_share: Share = 0.03,
    ) -> None:
        at_least(1, critic_steps=critic_steps)
        size = StepSize(step_size, step_share, 1)
        super().__init__(
            problem,
            make_optimizer,
            functional_steps=functional_steps,
            pool_size=pool_size,
            scaling=scaling,
            step_size=size,
        )
        self.critic_steps, self.reset_critic = critic_steps, reset_critic
        if reset_critic:
            self.extra_state["first critic"] = self.first = copy.deepcopy(self.game.critic)

    def fit_critic(self, batches: Iterator[Batch], rows: Iterator[Tensor]) -> StepRecord:
        if self.reset_critic:
            self.game.critic.load_state_dict(self.first.state_dict())
            self.optimizers["critic"].state.clear()
        record, losses, best, failures = StepRecord(), list[Tensor](), float("inf"), 0
        for _ in range(self.critic_steps):  # Algorithm 1: D_t, near its optimum
            record.add(self.move_critic(next(batches), next(rows)).values)
            losses.append(record.values["critic_loss"])
            if len(losses) % BLOCK == 0:
                mean = _mean(losses)
                best, failures = min(mean, best), failures + 1 if mean >= best else 0
                if failures == PATIENCE:
                    break
        return record


def _mean(losses: list[Tensor]) -> float:
    """The mean of the last block, over all processes."""
    return float(distributed.mean(torch.stack(losses[-BLOCK:]).mean()))
