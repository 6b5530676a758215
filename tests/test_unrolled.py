"""Unrolled: k = 0 is alternating; the generator's gradient is that of the loss after k critic steps."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from _toys import FixedBatch, Stream, TinyCritic, adam, generator
from twoplayer import objectives, regularizers
from twoplayer.algorithms._lookahead import Lookahead
from twoplayer.algorithms.alternating import Alternating
from twoplayer.algorithms.unrolled import Unrolled
from twoplayer.core.errors import UserError
from twoplayer.games._factory import ModuleFactory
from twoplayer.games.generation import GenerationGame

RATE = 1e-2


def game(*rules: str, critic: nn.Module | None = None, double: bool = False) -> GenerationGame:
    players = [generator(), critic or TinyCritic()]
    if double:
        players = [p.double() for p in players]
    return GenerationGame(
        ModuleFactory(*players, objectives.create("minimax"), [regularizers.create(r) for r in rules])
    )


class Double(FixedBatch):
    @property
    def real(self) -> Tensor:  # type: ignore[override]
        return super().real.double()


@pytest.mark.parametrize("reuse", [True, False])
def test_no_unrolling_is_alternating_to_the_bit(reuse: bool) -> None:
    one = Alternating(game("gradient-penalty"), adam, critic_steps=2, reuse_samples=reuse)
    other = Unrolled(game("gradient-penalty"), adam, unroll_steps=0, critic_steps=2, reuse_samples=reuse)
    streams = Stream(), Stream()
    for _ in range(3):
        values = one.step(streams[0]).values, other.step(streams[1]).values
    assert all(torch.equal(v, values[1][k]) for k, v in values[0].items())
    assert all(torch.equal(v, other.game.state_dict()[k]) for k, v in one.game.state_dict().items())


@pytest.mark.parametrize("inner", ["sgd", "adam"])
@pytest.mark.parametrize("rules", [(), ("gradient-penalty",), ("r2",)])
def test_the_gradient_goes_through_the_steps_ahead(inner: Any, rules: tuple[str, ...]) -> None:
    """Against finite differences of the loss after two real steps by torch's own optimizer."""
    played, batch = game(*rules, double=True), Double(1)
    algorithm = Unrolled(played, adam, unroll_steps=2, inner_optimizer=inner)
    weight = next(played.generator.parameters())

    def generated() -> Tensor:
        return played.generator(played.latents(batch).double())

    (gradient,) = torch.autograd.grad(algorithm.generator_loss(batch, generated()).total, weight)

    def after_two_steps(change: float) -> float:
        twin = copy.deepcopy(played)
        with torch.no_grad():
            next(twin.generator.parameters())[0, 0] += change
        fake = twin.generator(twin.latents(batch).double()).detach()
        parameters = list(twin.critic.parameters())
        kind = torch.optim.SGD if inner == "sgd" else torch.optim.Adam
        options = {} if inner == "sgd" else {"betas": (0.5, 0.999)}
        optimizer = kind(parameters, RATE, **options)
        for _ in range(2):
            optimizer.zero_grad()
            twin.critic_loss(batch, fake).total.backward()
            optimizer.step()
        return twin.generator_loss(batch, fake).total.item()

    step = 1e-5
    slope = (after_two_steps(step) - after_two_steps(-step)) / (2 * step)
    assert float(gradient[0, 0]) == pytest.approx(slope, rel=1e-4, abs=1e-9)
    plain = torch.autograd.grad(played.generator_loss(batch, generated()).total, weight)[0]
    assert abs(float(plain[0, 0]) - slope) > 1e-5  # what is unrolled matters


def test_looking_ahead_goes_on_from_the_optimizers_moments() -> None:
    played = game()
    algorithm, stream = Unrolled(played, adam, unroll_steps=1), Stream()
    for _ in range(3):
        algorithm.step(stream)
    twin = copy.deepcopy(played)
    batch = FixedBatch(9)
    loss = played.critic_loss(batch, played.generate(batch).detach()).total
    ahead = Lookahead(played.critic, algorithm.optimizers["critic"], "adam")
    ahead.step(loss)
    found = {name: weight.detach() for name, weight in ahead.weights.items()}
    algorithm.optimizer_step("critic", played.critic_loss(batch, played.generate(batch)))
    for name, weight in played.critic.named_parameters():
        torch.testing.assert_close(found[name], weight.detach(), rtol=1e-5, atol=1e-6)
        assert not torch.equal(weight, dict(twin.critic.named_parameters())[name])


def test_the_critic_moves_once_and_its_buffers_know_nothing_of_the_look_ahead() -> None:
    def play(kind: type, **options: Any) -> Any:
        played = game("spectral-norm", critic=TinyCritic(nn.BatchNorm1d(8)))
        algorithm = kind(played, adam, **options)
        algorithm.step(Stream())
        return algorithm

    plain, unrolled = play(Alternating), play(Unrolled, unroll_steps=3)
    assert unrolled.updates == plain.updates == {"critic": 1, "generator": 1}
    expected = dict(plain.game.critic.named_parameters())
    for name, weight in unrolled.game.critic.named_parameters():
        assert torch.equal(weight, expected[name]), name
    buffers = dict(unrolled.game.critic.named_buffers())
    kinds = {name.rsplit(".", 1)[-1] for name in buffers}
    assert kinds >= {"num_batches_tracked", "running_mean", "running_var", "u", "v"}
    alone = Alternating(game("spectral-norm", critic=TinyCritic(nn.BatchNorm1d(8))), adam)
    batch = next(Stream())
    alone.optimizer_step("critic", alone.game.critic_loss(batch, alone.game.generate(batch)))
    for name, buffer in alone.game.critic.named_buffers():
        assert torch.equal(buffers[name], buffer), name
    assert {int(b) for n, b in buffers.items() if n.endswith("num_batches_tracked")} == {2}  # its real and its fake
    generators = [dict(a.game.generator.named_parameters()) for a in (plain, unrolled)]
    assert any(not torch.equal(generators[0][n], generators[1][n]) for n in generators[0])


def test_a_clipped_critic_stays_clipped_looking_ahead() -> None:
    """Against finite differences of the loss after two real steps, each of them clipped."""
    players, batch = (generator().double(), TinyCritic().double()), Double(1)
    played = GenerationGame(
        ModuleFactory(*players, objectives.create("minimax"), [regularizers.create("clip", limit=0.2)])
    )
    algorithm = Unrolled(played, adam, unroll_steps=2, inner_optimizer="sgd")
    algorithm.optimizers["critic"].param_groups[0]["lr"] = 1.0
    weight = next(played.generator.parameters())
    (gradient,) = torch.autograd.grad(
        algorithm.generator_loss(batch, played.generator(played.latents(batch).double())).total, weight
    )

    def after_two_steps(change: float) -> float:
        twin = copy.deepcopy(played)
        with torch.no_grad():
            next(twin.generator.parameters())[0, 0] += change
        fake = twin.generator(twin.latents(batch).double()).detach()
        optimizer = torch.optim.SGD(twin.critic.parameters(), 1.0)
        for _ in range(2):
            optimizer.zero_grad()
            twin.critic_loss(batch, fake).total.backward()
            optimizer.step()
            before = [p.detach().clone() for p in twin.critic.parameters()]
            twin.after_critic_step()
        assert any(not torch.equal(a, b) for a, b in zip(before, twin.critic.parameters(), strict=True))
        return twin.generator_loss(batch, fake).total.item()

    step = 1e-6
    slope = (after_two_steps(step) - after_two_steps(-step)) / (2 * step)
    assert float(gradient[0, 0]) == pytest.approx(slope, rel=1e-4, abs=1e-9)


def test_an_adaptive_objective_hears_of_the_real_step_alone() -> None:
    played = game()
    algorithm = Unrolled(played, adam, unroll_steps=2)
    batch = FixedBatch(1)
    generated = played.generate(batch)
    algorithm.optimizer_step("critic", played.critic_loss(batch, generated))
    outputs = played._last_outputs
    algorithm.generator_loss(batch, generated)
    assert played._last_outputs is outputs


def test_no_negative_look_ahead_and_no_unknown_steps() -> None:
    with pytest.raises(UserError, match="unroll_steps must be at least 0, not -1"):
        Unrolled(game(), adam, unroll_steps=-1)
    with pytest.raises(UserError, match="inner_optimizer must be 'adam' or 'sgd', not 'newton'"):
        Unrolled(game(), adam, inner_optimizer="newton")  # type: ignore[arg-type]
