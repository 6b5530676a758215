"""The order of moves: k critic steps, samples shared or fresh, and equality with a bare PyTorch loop."""

from __future__ import annotations

import copy
import importlib

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import softplus

from _toys import LATENT, FixedBatch, Stream, TinyCritic, adam, generator
from twoplayer import algorithms, data, networks, objectives, regularizers
from twoplayer.algorithms._base import Algorithm
from twoplayer.algorithms.alternating import Alternating
from twoplayer.core.errors import UserError
from twoplayer.core.rng import derive, numpy_generator, torch_generator
from twoplayer.data._base import DataSettings
from twoplayer.games._factory import ModuleFactory
from twoplayer.games.generation import GenerationGame


def game(objective: str = "minimax", critic: nn.Module | None = None, *rules: str) -> GenerationGame:
    players = generator(), critic or TinyCritic()
    return GenerationGame(
        ModuleFactory(*players, objectives.create(objective), [regularizers.create(r) for r in rules])
    )


# ---- the contract


@pytest.mark.parametrize("name", [n for n in algorithms.names() if n != "descent"])
def test_every_algorithm_moves_both_players_and_resumes(name: str) -> None:
    def make() -> Algorithm:
        return algorithms.create(name, game(), adam)

    once, stream, z = make(), Stream(), torch.ones(5, LATENT)
    before, drawn = copy.deepcopy(once.game.state_dict()), once.sampler(z).detach()
    values = once.step(stream).values
    after = once.game.state_dict()
    assert all(once.updates[player] >= 1 for player in once.game.players)
    assert any(not torch.equal(before[k], after[k]) for k in after if k.startswith("critic"))
    assert not torch.equal(once.sampler(z), drawn)  # by weights, or by steps that follow them
    assert all(v.shape == () and not v.requires_grad for v in values.values())
    assert once.sampler(torch.zeros(5, LATENT)).shape == (5, 2)

    later, rest = make(), Stream()
    later.game.load_state_dict(copy.deepcopy(after))
    later.restore(copy.deepcopy(once.state()))
    rest.given = list(stream.given)
    for _ in range(2):
        once.step(stream)
        later.step(rest)
    assert later.updates == once.updates
    assert all(torch.equal(later.game.state_dict()[k], v) for k, v in once.game.state_dict().items())
    assert torch.equal(later.sampler(z), once.sampler(z))
    about = algorithms.describe(name)
    assert about.summary and importlib.import_module(about.module).__all__ == [type(once).__name__]


# ---- alternating


@pytest.mark.parametrize("critic_steps", [1, 3])
@pytest.mark.parametrize("reuse", [True, False])
def test_k_critic_steps_then_one_generator_step(critic_steps: int, reuse: bool) -> None:
    played, stream = game(), Stream()
    algorithm = Alternating(played, adam, critic_steps=critic_steps, reuse_samples=reuse)
    moves: list[str] = []
    for player, optimizer in algorithm.optimizers.items():
        optimizer.register_step_post_hook(lambda *_, player=player: moves.append(player))
    passes: list[int] = []
    played.generator.register_forward_hook(lambda *_: passes.append(1))
    for _ in range(2):
        algorithm.step(stream)
    assert moves == (["critic"] * critic_steps + ["generator"]) * 2
    assert algorithm.updates == {"critic": 2 * critic_steps, "generator": 2}
    drawn = critic_steps if reuse else critic_steps + 1
    assert len(stream.given) == len(passes) == 2 * drawn  # one pass of the generator for every batch
    looks = [batch.looks for batch in stream.given]
    assert looks == ([1] * critic_steps + [0] * (not reuse)) * 2  # the generator's batch has no real samples read


def test_reuse_answers_on_the_samples_that_the_critic_saw() -> None:
    shared, fresh = TinyCritic(), TinyCritic()
    Alternating(game(critic=shared), adam, reuse_samples=True).step(Stream())
    Alternating(game(critic=fresh), adam, reuse_samples=False).step(Stream())
    assert torch.equal(shared.seen[0][8:], shared.seen[1])
    assert not torch.equal(fresh.seen[0][8:], fresh.seen[1])


def test_constraints_hold_after_each_critic_step() -> None:
    critic = TinyCritic()
    Alternating(game("wasserstein", critic, "clip"), adam, critic_steps=2).step(Stream())
    assert all(p.abs().max() <= 0.01 for p in critic.parameters())


def test_no_critic_step_is_no_game() -> None:
    with pytest.raises(UserError, match="critic_steps must be at least 1, not 0"):
        Alternating(game(), adam, critic_steps=0)


def test_gradient_norms_are_measured_only_when_watched() -> None:
    watched, batch = Alternating(game(), adam), FixedBatch(1)
    watched.log_gradient_norms = True
    twin = copy.deepcopy(watched.game)
    values = watched.step(Stream()).values
    loss = twin.critic_loss(batch, twin.generate(batch)).total
    gradients = torch.autograd.grad(loss, list(twin.critic.parameters()))
    norm = np.sqrt(sum(float(g.double().square().sum()) for g in gradients))
    assert values["critic_gradient_norm"].item() == pytest.approx(norm, rel=1e-5)
    assert "generator_gradient_norm" in values
    assert not any("norm" in k for k in Alternating(game(), adam).step(Stream()).values)


# ---- bit for bit


def test_training_equals_a_bare_loop_bit_for_bit(tiny) -> None:
    """gan0 on the ring, by the package and by hand: same weights, same average after 3 rounds."""
    run = tiny("gan0", "ring", steps=3, seed=5)
    from _toys import state

    found = state(run.path)

    dataset = data.load("ring", DataSettings(), count=400)
    torch.manual_seed(derive(5, "weights"))
    recipe = networks.create("mlp", filters=8)
    mover, critic = recipe.generator(2, (2,)), recipe.critic((2,))
    mean = copy.deepcopy(mover)
    by = {"lr": 2e-4, "betas": (0.5, 0.999)}
    critic_adam, mover_adam = torch.optim.Adam(critic.parameters(), **by), torch.optim.Adam(mover.parameters(), **by)
    order = numpy_generator(5, "order", 0).permutation(len(dataset.train))
    for step in range(3):
        real = torch.from_numpy(dataset.train[order[16 * step : 16 * step + 16]])
        fake = mover(torch.randn(16, 2, generator=torch_generator(5, "latents", step + 1)))
        on_real, on_fake = critic(torch.cat([real, fake.detach()])).split(16)
        critic_adam.zero_grad()
        (softplus(-on_real).mean() + softplus(on_fake).mean()).backward()
        critic_adam.step()
        mover_adam.zero_grad()
        (-softplus(critic(fake)).mean()).backward()
        mover_adam.step()
        decay = min(0.999, (step + 1) / (step + 10))
        with torch.no_grad():
            for m, now in zip(mean.parameters(), mover.parameters(), strict=True):
                m.lerp_(now, 1 - decay)
    for name, weight in critic.state_dict().items():
        assert torch.equal(found["problem"][f"critic.{name}"], weight), name
    for name, weight in mover.state_dict().items():
        assert torch.equal(found["problem"][f"generator.{name}"], weight), name
        assert torch.equal(found["ema"][name], mean.state_dict()[name]), name
