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
from twoplayer.games._base import Batch, Game, Loss

__all__ = ["Unrolled"]


@final
class Unrolled(CriticThenGenerator):
    """The generator's gradient goes through `unroll_steps` critic steps, second-order terms included; 0 is alternating.

    The steps looked ahead repeat the round's minibatch, with its real samples, latents and noise, and are never
    taken: the critic itself moves `critic_steps` times a round as ever, and its buffers stay as they are. They go by
    Adam, as in the paper's code, from the moments of the critic's own optimizer where that is Adam, or by plain
    gradients (`inner_optimizer` sgd), at the critic's learning rate; constraints of the weights, such as clipping, hold
    after each of them, and a clipped weight passes no gradient on. Costs about `unroll_steps` + 1 critic steps with
    double backward passes, and memory for all of them.

    A departure: the players move in turns, as in alternating, so that the look-ahead starts from a critic that
    already stepped on this minibatch; in the paper both players' gradients are taken at the same weights. Any objective
    serves; the paper's f is minimax (eq. 4), the preset's non-saturating.
    """

    def __init__(
        self,
        game: Game,
        make_optimizer: OptimizerFactory,
        *,
        unroll_steps: NonNegativeCount = 5,
        inner_optimizer: Rule = "adam",
        critic_steps: Count = 1,
        reuse_samples: bool = True,
    ) -> None:
        at_least(0, unroll_steps=unroll_steps)
        within(Rule, inner_optimizer=inner_optimizer)
        super().__init__(game, make_optimizer, critic_steps=critic_steps, reuse_samples=reuse_samples)
        self.unroll_steps, self.inner_optimizer = unroll_steps, inner_optimizer
        self.stage = _Stage(game)
        self.prefix = next(name for name, part in self.stage.named_modules() if part is game.players["critic"])

    def answer(self, batch: Batch, generated: Any) -> Loss:
        if not self.unroll_steps:
            return self.game.generator_loss(batch, generated)
        critic = self.game.players["critic"]
        ahead = Lookahead(critic, self.optimizers["critic"], self.inner_optimizer)
        for _ in range(self.unroll_steps):  # eq. 7
            ahead.step(self._play(ahead.held, "critic_loss", batch, generated, ahead=True).total)
            ahead.constrain(lambda held: self._call(held, "after_critic_step"))
        return self._play(ahead.held, "generator_loss", batch, generated)  # eq. 10

    def _play(self, held: dict[str, Tensor], loss: str, *arguments: Any, **options: Any) -> Loss:
        played: Loss = self._call(held, loss, *arguments, **options)
        return played

    def _call(self, held: dict[str, Tensor], method: str, *arguments: Any, **options: Any) -> Any:
        """A method of the game with another critic's weights and buffers."""
        swapped = {f"{self.prefix}.{name}": tensor for name, tensor in held.items()}
        return functional_call(self.stage, swapped, (method, *arguments), options)


class _Stage(nn.Module):
    """Calls a game's methods as a module's forward, which is what `functional_call` swaps weights for."""

    def __init__(self, game: Game) -> None:
        super().__init__()
        self.game = game

    def forward(self, method: str, *arguments: Any, **options: Any) -> Any:
        return getattr(self.game, method)(*arguments, **options)
