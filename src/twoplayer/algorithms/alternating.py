"""Alternating: k critic steps, then one generator step.

Source: Goodfellow et al. 2014, "Generative Adversarial Networks", Algorithm 1.
"""

from __future__ import annotations

from typing import Any, final

from twoplayer.algorithms._base import OptimizerFactory
from twoplayer.algorithms._critic_then_generator import CriticThenGenerator
from twoplayer.core.ranges import Count
from twoplayer.games._base import Batch, Game, Loss

__all__ = ["Alternating"]


@final
class Alternating(CriticThenGenerator):
    """`critic_steps` critic steps, then one of the generator against the critic as it is.

    With `reuse_samples` the generator answers on the samples that the last critic step saw, else on new ones.
    """

    def __init__(
        self, game: Game, make_optimizer: OptimizerFactory, *, critic_steps: Count = 1, reuse_samples: bool = True
    ) -> None:
        super().__init__(game, make_optimizer, critic_steps=critic_steps, reuse_samples=reuse_samples)

    def answer(self, batch: Batch, generated: Any) -> Loss:
        return self.game.generator_loss(batch, generated)
