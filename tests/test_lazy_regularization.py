"""Regularizers that act every k-th step and on the generator, and generators that take a random stream."""

from __future__ import annotations

from typing import ClassVar

import pytest
import torch
from torch import Tensor, nn

from _toys import LATENT, FixedBatch, Stream, TinyCritic, adam, generator
from twoplayer import objectives, regularizers
from twoplayer.algorithms.alternating import Alternating
from twoplayer.config.layers import resolve_config
from twoplayer.core.device import place
from twoplayer.core.errors import UserError
from twoplayer.games._adversarial import AdversarialGame
from twoplayer.games._factory import DataSpec, ModuleFactory
from twoplayer.games.generation import GenerationGame
from twoplayer.regularizers._base import GeneratorPenalty, Regularizer
from twoplayer.training.build import build

PENALTIES = [n for n in regularizers.names() if "every" in regularizers.family.options(n)]


class SteppedStream(Stream):
    """A stream whose batches know how many steps are finished."""

    step = 0

    def __next__(self) -> FixedBatch:
        batch = super().__next__()
        batch.step = self.step
        return batch


class SquaredOutput(GeneratorPenalty):
    """λ E‖G(z)‖²."""

    def __init__(self, *, weight: float = 1.0, every: int = 1) -> None:
        self.weight, self.every = weight, every
        self.calls: list[tuple[int, ...]] = []

    def penalty(self, generator: nn.Module, inputs: Tensor, random: torch.Generator) -> Tensor:
        self.calls.append(tuple(inputs.shape))
        return self.weight * generator(inputs).square().sum(1).mean()


def game(*rules: Regularizer, critic: nn.Module | None = None, players: nn.Module | None = None) -> GenerationGame:
    factory = ModuleFactory(
        players or generator(), critic or TinyCritic(), objectives.create("non-saturating"), list(rules)
    )
    return GenerationGame(factory)


def play(played: AdversarialGame, steps: int) -> Alternating:
    algorithm, stream = Alternating(played, adam), SteppedStream()
    for step in range(steps):
        stream.step = step
        algorithm.step(stream)
    return algorithm


def test_which_regularizers_can_be_lazy() -> None:
    assert {"r1", "r2", "gradient-penalty", "variance"} <= set(PENALTIES)


@pytest.mark.parametrize("name", PENALTIES)
def test_a_lazy_penalty_is_k_times_the_exact_one_in_a_step_of_its_own(name: str) -> None:
    exact, lazy = (game(regularizers.create(name, **o)) for o in ({}, {"every": 4}))
    batch = FixedBatch(1, step=8)
    with torch.no_grad():
        generated = exact.generate(batch)
    penalty = float(exact.critic_loss(batch, generated).parts[name.replace("-", "_")])
    assert name.replace("-", "_") not in lazy.critic_loss(batch, generated).parts
    due = lazy.lazy_critic_loss(batch, generated)
    assert due is not None and float(due.total.detach()) == pytest.approx(4 * penalty, rel=1e-5)
    assert list(due.parts) == [name.replace("-", "_")]
    assert lazy.lazy_critic_loss(FixedBatch(1, step=9), generated) is None
    assert exact.lazy_critic_loss(batch, generated) is None


def test_lazy_penalties_are_unbiased_over_their_interval_on_a_linear_critic() -> None:
    """∇_w of E‖∇D‖² is the same at every sample, so k steps of the exact penalty equal one of the lazy one."""

    class LinearCritic(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.tensor([1.0, -2.0]))

        def forward(self, samples: Tensor) -> Tensor:
            return samples @ self.weight

    gradients = []
    for every in (1, 4):
        critic = LinearCritic()
        played, total = game(regularizers.create("r1", gamma=2.0, every=every), critic=critic), torch.zeros(2)
        for step in range(4):
            batch = FixedBatch(step + 1, step=step)
            samples = batch.real.requires_grad_()
            scored = played.critic_batch(critic, samples, samples.detach())
            if every == 1:
                total += torch.autograd.grad(
                    played.penalties[0].penalty(critic, scored, batch.random("r")), critic.weight
                )[0]
            elif (loss := played.lazy_critic_loss(batch, samples.detach())) is not None:
                total += torch.autograd.grad(loss.total, critic.weight)[0]
        gradients.append(total)
    assert torch.allclose(*gradients) and torch.allclose(gradients[0], 4 * 2.0 * torch.tensor([1.0, -2.0]))


def test_the_critic_takes_a_further_step_every_kth_time() -> None:
    algorithm = play(game(regularizers.create("r1", every=4)), 8)
    assert algorithm.updates == {"critic": 10, "generator": 8}


def test_a_generator_penalty_acts_on_the_generator_alone() -> None:
    rule = SquaredOutput(weight=100.0)
    played = game(rule)
    before = [p.clone() for p in played.generator.parameters()]
    algorithm = play(played, 3)
    assert rule.calls == [(8, LATENT)] * 3 and algorithm.updates == {"critic": 3, "generator": 3}
    assert any(not torch.equal(a, b) for a, b in zip(before, played.generator.parameters(), strict=True))
    free, held = (play(game(*rules), 60) for rules in ((), (SquaredOutput(weight=100.0),)))
    outputs = [a.sampler(torch.randn(100, LATENT)).square().mean() for a in (free, held)]
    assert outputs[1] < outputs[0] / 10


def test_a_lazy_generator_penalty_has_steps_of_its_own() -> None:
    rule = SquaredOutput(every=3)
    algorithm = play(game(rule), 7)
    assert len(rule.calls) == 3 and algorithm.updates == {"critic": 7, "generator": 10}


def test_games_without_latents_refuse_a_generator_penalty() -> None:
    class Bare(GenerationGame):
        generator_inputs = AdversarialGame.generator_inputs

    played = Bare(ModuleFactory(generator(), TinyCritic(), objectives.create("non-saturating"), [SquaredOutput()]))
    with pytest.raises(UserError, match="acts on the generator's latents"):
        played.generator_penalty(FixedBatch(1), lazy=False)


def test_a_config_corrects_rate_and_moments_of_the_player_that_is_lazy() -> None:
    config = resolve_config(
        "gan1", "ring", regularizers={"r1": {"every": 16}}, learning_rate=1e-3, beta1=0.5, beta2=0.99, filters=8
    )
    built = build(config, DataSpec((2,)), place("cpu", "fp32", "contiguous", "points"))
    critic, player = (built.algorithm.optimizers[n].param_groups[0] for n in ("critic", "generator"))
    c = 16 / 17
    assert critic["lr"] == pytest.approx(c * 1e-3)
    assert critic["betas"] == pytest.approx((0.5**c, 0.99**c))
    assert (player["lr"], player["betas"]) == (1e-3, (0.5, 0.99))


def test_a_generator_that_uses_noise_gets_the_batchs_stream() -> None:
    class Noisy(nn.Module):
        uses_noise: ClassVar[bool] = True
        latent_dim, shape = LATENT, (2,)

        def __init__(self) -> None:
            super().__init__()
            self.body, self.streams = nn.Linear(LATENT, 2), list[torch.Generator | None]()

        def forward(self, latents: Tensor, *, noise: torch.Generator | None = None) -> Tensor:
            self.streams.append(noise)
            drawn = torch.zeros(len(latents), 2) if noise is None else torch.randn(len(latents), 2, generator=noise)
            return self.body(latents) + drawn

    noisy = Noisy()
    played = game(players=noisy)
    first, again, other = (played.generate(FixedBatch(n)) for n in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert all(isinstance(stream, torch.Generator) for stream in noisy.streams)
    latents = torch.zeros(3, LATENT)
    assert torch.equal(noisy(latents), noisy(latents))  # sampled without a stream
