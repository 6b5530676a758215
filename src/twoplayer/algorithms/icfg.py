"""ICFG: functional gradient steps along one persistent critic that moves a few minibatches between them.

Source: Johnson & Zhang 2018, "Composite Functional Gradient Learning of Generative Adversarial Models", Algorithm 2.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import final

from torch import Tensor

from twoplayer.algorithms._base import OptimizerFactory, StepRecord
from twoplayer.algorithms._growing_generator import GrowingGenerator
from twoplayer.algorithms._refined_generator import Scaling
from twoplayer.algorithms._step_size import StepSize
from twoplayer.core.ranges import Count, Positive, Share, at_least
from twoplayer.games._problem import Batch, TrainingProblem

__all__ = ["ICFG"]


@final
class ICFG(GrowingGenerator):
    """Each step moves the critic `critic_steps` times and the pool once, until `functional_steps` are taken.

    Departures from Algorithm 2: one pool throughout instead of new z, and η as described.

    Args:
        functional_steps: functional gradient steps, T in the paper.
        critic_steps: critic steps before each of them, U in the paper.
        pool_size: samples that are moved.
        scaling: s(x): ``one``, ``gan0`` or ``gan1``.
        step_size: η; None chooses it: each of the first `step_size_trials` steps moves samples by `step_share` of the
            data's standard deviation, the median η of the later half of them is used from then on, and the largest move
            falls linearly to 0.
        step_share: largest move of a step, as a share of the data's standard deviation, in (0, 1].
        step_size_trials: steps after which η is settled.
    """

    def __init__(
        self,
        problem: TrainingProblem,
        make_optimizer: OptimizerFactory,
        *,
        functional_steps: Count = 200,
        critic_steps: Count = 5,
        pool_size: Count = 10_000,
        scaling: Scaling = "one",
        step_size: Positive | None = None,
        step_share: Share = 0.02,
        step_size_trials: Count = 50,
    ) -> None:
        at_least(1, critic_steps=critic_steps)
        size = StepSize(step_size, step_share, step_size_trials)
        super().__init__(
            problem,
            make_optimizer,
            functional_steps=functional_steps,
            pool_size=pool_size,
            scaling=scaling,
            step_size=size,
        )
        self.critic_steps = critic_steps

    def fit_critic(self, batches: Iterator[Batch], rows: Iterator[Tensor]) -> StepRecord:
        record = StepRecord()
        for batch, numbers in islice(zip(batches, rows, strict=False), self.critic_steps):  # Algorithm 2: U updates
            record.add(self.move_critic(batch, numbers).values)
        return record
