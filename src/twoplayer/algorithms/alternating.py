"""Alternating: k critic steps, then one generator step.

Source: Goodfellow et al. 2014, "Generative Adversarial Networks", Algorithm 1.
"""

from __future__ import annotations

from typing import Any, final

from twoplayer.algorithms._base import OptimizerFactory
from twoplayer.algorithms._critic_then_generator import CriticThenGenerator
from twoplayer.core.ranges import Count
from twoplayer.games._problem import Batch, Loss, TrainingProblem

__all__ = ["Alternating"]


@final
class Alternating(CriticThenGenerator):
    """`critic_steps` critic steps, then one of the generator against the critic as it is.

    Args:
        critic_steps: critic steps for each generator step, k in the paper.
        reuse_samples: whether the generator's loss is taken on the samples that the last critic step saw, as in DCGAN's
            own code, or on new ones, as the algorithm is printed.
    """

    def __init__(
        self,
        problem: TrainingProblem,
        make_optimizer: OptimizerFactory,
        *,
        critic_steps: Count = 1,
        reuse_samples: bool = True,
    ) -> None:
        super().__init__(problem, make_optimizer, critic_steps=critic_steps, reuse_samples=reuse_samples)

    def generator_loss(self, batch: Batch, generated: Any) -> Loss:
        return self.game.generator_loss(batch, generated)
