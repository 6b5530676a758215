"""Unrolled: the generator plays against the critic as it will be after k more steps, and sees how it gets there.

Source: Metz et al. 2017, "Unrolled Generative Adversarial Networks", eq. 7 and 10 to 12.
"""

from __future__ import annotations

from typing import Any, final

from torch import Tensor, nn
from torch.func import functional_call

from twoplayer.algorithms._base import OptimizerFactory
from twoplayer.algorithms._critic_then_generator import CriticThenGenerator
from twoplayer.algorithms._lookahead import Lookahead, Rule
from twoplayer.core.ranges import Count, NonNegativeCount, at_least, within
from twoplayer.games._adversarial import AdversarialGame
from twoplayer.games._problem import Batch, Loss, TrainingProblem

__all__ = ["Unrolled"]


@final
class Unrolled(CriticThenGenerator):
    """The generator's gradient goes through `unroll_steps` critic steps, second-order terms included.

    The look-ahead repeats the step's minibatch, with its real samples, latents and noise, and its critic steps are
    never taken: the critic itself moves `critic_steps` times a step as ever, and its buffers stay as they are.
    Constraints of the weights, such as clipping, hold after each of them, and a clipped weight passes no gradient on.
    Costs about `unroll_steps` + 1 critic steps with double backward passes, and memory for all of them.

    A departure: the players move in turn, as in alternating, so that the look-ahead starts from a critic that already
    stepped on this minibatch; in the paper both players' gradients are taken at the same weights. Any objective can be
    used; the paper's f is minimax (eq. 4), the preset's non-saturating.

    Args:
        unroll_steps: critic steps that the generator looks ahead, k in the paper; 0 is alternating.
        inner_optimizer: the rule of the look-ahead, at the critic's learning rate: ``adam``, as in the paper's code,
            from the moments of the critic's own optimizer where that is Adam, or ``sgd``.
        critic_steps: critic steps for each generator step.
        reuse_samples: as for alternating.
    """

    def __init__(
        self,
        problem: TrainingProblem,
        make_optimizer: OptimizerFactory,
        *,
        unroll_steps: NonNegativeCount = 5,
        inner_optimizer: Rule = "adam",
        critic_steps: Count = 1,
        reuse_samples: bool = True,
    ) -> None:
        at_least(0, unroll_steps=unroll_steps)
        within(Rule, inner_optimizer=inner_optimizer)
        super().__init__(problem, make_optimizer, critic_steps=critic_steps, reuse_samples=reuse_samples)
        self.unroll_steps, self.inner_optimizer = unroll_steps, inner_optimizer
        self.stage = _Stage(self.game)
        self.prefix = next(name for name, part in self.stage.named_modules() if part is self.game.players["critic"])

    def generator_loss(self, batch: Batch, generated: Any) -> Loss:
        if not self.unroll_steps:
            return self.game.generator_loss(batch, generated)
        critic = self.game.players["critic"]
        ahead = Lookahead(critic, self.optimizers["critic"], self.inner_optimizer)
        for _ in range(self.unroll_steps):  # eq. 7
            ahead.step(self._loss(ahead.tensors, "critic_loss", batch, generated, ahead=True).total)
            ahead.constrain(lambda tensors: self._call(tensors, "after_critic_step"))
        return self._loss(ahead.tensors, "generator_loss", batch, generated)  # eq. 10

    def _loss(self, tensors: dict[str, Tensor], loss: str, *arguments: Any, **options: Any) -> Loss:
        value: Loss = self._call(tensors, loss, *arguments, **options)
        return value

    def _call(self, tensors: dict[str, Tensor], method: str, *arguments: Any, **options: Any) -> Any:
        """A method of the game with another critic's weights and buffers."""
        swapped = {f"{self.prefix}.{name}": tensor for name, tensor in tensors.items()}
        return functional_call(self.stage, swapped, (method, *arguments), options)


class _Stage(nn.Module):
    """Calls a game's methods as a module's forward, which is what `functional_call` swaps weights for."""

    def __init__(self, game: AdversarialGame) -> None:
        super().__init__()
        self.game = game

    def forward(self, method: str, *arguments: Any, **options: Any) -> Any:
        return getattr(self.game, method)(*arguments, **options)
