"""Duality gap: how much either player could still improve by moving alone.

Source: Grnarova et al. 2019, "A Domain Agnostic Measure for Monitoring and Evaluating GANs", eq. 2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final

import torch
from torch import Tensor, nn

from twoplayer.core.errors import UserError
from twoplayer.core.rng import torch_generator
from twoplayer.games._adversarial import AdversarialGame
from twoplayer.games._problem import Batch, Loss
from twoplayer.training.stopping._criterion import JudgedRun, StoppingCriterion, copy_of
from twoplayer.training.stopping._held_out import HeldOutBatches, game_value, mean_and_error

__all__ = ["DualityGap"]

STEPS = 20
"""Moves of each adversary: "a few", since 30 judgements of two adversaries cost 1,200 moves."""
PERTURBATION = 0.1
"""Noise on the adversary's weights, in standard deviations of each tensor. A whole one, as published, needs hundreds of
moves to come back from; a tenth leaves the point where the gradient vanishes and no more."""


@final
class DualityGap(StoppingCriterion):
    """max over critics of V(G, D′) − min over generators of V(G′, D), zero in an equilibrium.

    A copy of each player, perturbed, moves a few times against the other one's frozen copy, by its own loss and
    optimizer, on one half of the held-out data; the value V of the critic's game is taken on the other half, so that
    training, adversaries and testing share no data. A player is among its own adversaries, so the gap is never
    negative. The generator is the averaged one, which is what is shipped.

    Source: Grnarova et al. 2019, "A Domain Agnostic Measure for Monitoring and Evaluating GANs" (arXiv 1811.05512),
    eq. 2 and section 4; the perturbation: Sidheekh et al. 2021, "On Duality Gap as a Measure for Monitoring GAN
    Training", section 4.
    """

    quantity = "the duality gap on held-out data"

    def __init__(self, run: JudgedRun, *, steps: int = STEPS, perturbation: float = PERTURBATION) -> None:
        super().__init__(run)
        self.steps, self.perturbation = steps, perturbation
        algorithm, game = run.built.algorithm, run.built.problem
        if not isinstance(game, AdversarialGame) or algorithm.sampler is not game.sampler:
            raise UserError(
                f"duality-gap moves the weights of a generator against a critic, which {run.config.algorithm['name']} "
                "does not: set early_stopping to plateau"
            )
        self.trained = game
        halves = [
            HeldOutBatches(run.config, run.dataset, run.device_config, purpose, run.conditioning, part=part, parts=2)
            for part, purpose in enumerate(("adversaries", "testing"))
        ]
        self.adversaries, self.testing = halves
        copied = copy_of(run.built, game)
        assert isinstance(copied.problem, AdversarialGame)
        self.game, self.algorithm = copied.problem, copied.algorithm

    def judge(self, step: int) -> tuple[float, float | None]:
        game = self.game
        game.load_state_dict(self.trained.state_dict())
        game.sampler.load_state_dict(self.run.ema.module.state_dict())
        players = {name: tensor.clone() for name, tensor in game.state_dict().items()}
        as_they_are = self._values(step)
        worst = {}
        for player in ("critic", "generator"):
            game.load_state_dict(players)
            self._adversary(player, step)
            worst[player] = self._values(step)
        high = max(as_they_are, worst["critic"], key=_mean)
        low = min(as_they_are, worst["generator"], key=_mean)
        return mean_and_error([h - g for h, g in zip(high, low, strict=True)])

    def _values(self, step: int) -> list[float]:
        """V on each batch of the testing half; the same batches and latents for all players."""
        game, values = self.game, []
        for batch in self.testing.batches(step):
            with torch.no_grad():
                generated = game.generate(batch)
            values.append(game_value(game, batch, generated))
        return values

    def _adversary(self, player: str, step: int) -> None:
        """Perturb that player and let it move against the other one as it stands."""
        game, algorithm = self.game, self.algorithm
        perturb(game.players[player], self.perturbation, torch_generator(self.run.config.seed, player, step))
        algorithm.optimizers[player].state.clear()
        for batch in self.adversaries.batches(step, self.steps):
            with torch.set_grad_enabled(player == "generator"):
                generated = game.generate(batch)
            loss: Callable[[Batch, Any], Loss] = getattr(game, f"{player}_loss")
            algorithm.optimizer_step(player, loss(batch, generated))
            if player == "critic":
                game.after_critic_step()


@torch.no_grad()
def perturb(module: nn.Module, scale: float, random: torch.Generator) -> None:
    """Add noise to every weight, of `scale` standard deviations of its tensor; single numbers stay."""
    for weight in module.parameters():
        if weight.numel() > 1:
            drawn: Tensor = torch.randn(weight.shape, generator=random).to(weight)
            weight.add_(drawn * weight.std() * scale)


def _mean(values: list[float]) -> float:
    mean, _ = mean_and_error(values)
    return mean
