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
from twoplayer.games._base import Batch, Game

__all__ = ["CFG"]

BLOCK = 20
"""Critic steps whose mean loss is compared with that of as many before."""
PATIENCE = 2
"""Blocks in a row without a lower loss that end the fit; a single one is often noise."""


@final
class CFG(GrowingGenerator):
    """Each of `functional_steps` (T) rounds fits the critic and moves the pool of `pool_size` samples once.

    The critic moves until the mean loss of 20 steps was no lower than the least so far twice in a row, and
    `critic_steps` times at most. It starts from the last round's weights, or with `reset_critic` from its first ones.
    `scaling` is s(x): one, gan0 or gan1. `step_size` is η; left out, the first step moves samples by `step_share` of
    the data's standard deviation, all others take its η, and what a step may move falls linearly to 0.

    Departures from Algorithm 1: one pool throughout instead of new z, near-optimality told by the training loss of a
    moving critic, a warm start unless `reset_critic`, and η as above.
    """

    def __init__(
        self,
        game: Game,
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
            game,
            make_optimizer,
            functional_steps=functional_steps,
            pool_size=pool_size,
            scaling=scaling,
            step_size=size,
        )
        self.critic_steps, self.reset_critic = critic_steps, reset_critic
        if reset_critic:
            self.memories["first critic"] = self.first = copy.deepcopy(self.game.critic)

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
