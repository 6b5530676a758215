"""The generation game: what each player's loss may touch, and what the critic gets to see."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from _toys import LATENT, FixedBatch, Stream, TinyCritic, adam, generator
from twoplayer import networks, objectives, priors, regularizers
from twoplayer.algorithms.alternating import Alternating
from twoplayer.core.errors import UserError
from twoplayer.games._factory import ModuleFactory
from twoplayer.games.generation import GenerationGame
from twoplayer.regularizers._base import Perturbation


def game(
    objective: str = "non-saturating", *rules: str, critic: nn.Module | None = None, **options: str
) -> GenerationGame:
    players = generator(), critic or TinyCritic()
    return GenerationGame(
        ModuleFactory(*players, objectives.create(objective), [regularizers.create(r) for r in rules], **options)
    )


def weights(module: nn.Module) -> dict[str, torch.Tensor]:
    return {k: v.detach().clone() for k, v in module.state_dict().items()}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(one[k], other[k]) for k in one)


@pytest.mark.parametrize("objective", ["minimax", "relativistic", "hinge"])
def test_each_step_moves_its_own_player_and_leaves_no_gradient_behind(objective: str) -> None:
    played = game(objective)
    algorithm = Alternating(played, adam)
    batch = FixedBatch(1)
    generated = played.generate(batch)
    before = weights(played)
    algorithm.optimizer_step("critic", played.critic_loss(batch, generated))
    between = weights(played)
    assert not same(weights(played.critic), {k[7:]: v for k, v in before.items() if k.startswith("critic.")})
    assert all(torch.equal(before[k], between[k]) for k in before if k.startswith("generator."))
    algorithm.optimizer_step("generator", played.generator_loss(batch, generated))
    after = weights(played)
    assert all(torch.equal(between[k], after[k]) for k in before if k.startswith("critic."))
    assert any(not torch.equal(between[k], after[k]) for k in before if k.startswith("generator."))
    assert all(p.grad is None for p in played.parameters())


@pytest.mark.parametrize("rules", [(), ("gradient-penalty",), ("gradient-penalty", "r2")])
def test_the_critics_loss_has_no_way_into_the_generator(rules: tuple[str, ...]) -> None:
    played = game("hinge", *rules)
    batch = FixedBatch(1)
    loss = played.critic_loss(batch, played.generate(batch)).total
    reached = torch.autograd.grad(loss, list(played.generator.parameters()), allow_unused=True)
    assert all(g is None for g in reached)


@pytest.mark.parametrize("objective", objectives.names())
def test_every_objective_reaches_every_weight(objective: str) -> None:
    energy = objectives.create(objective).critic_output == "energy"
    rules = ["clip"] if objectives.create(objective).needs_lipschitz else []
    played = game(objective, *rules, critic=TinyCritic(output="energy" if energy else "score"))
    batch = FixedBatch(1)
    generated = played.generate(batch)
    critic = torch.autograd.grad(
        played.critic_loss(batch, generated).total, list(played.critic.parameters()), retain_graph=True
    )
    mover = torch.autograd.grad(played.generator_loss(batch, generated).total, list(played.generator.parameters()))
    assert all(g.isfinite().all() for g in (*critic, *mover))
    assert all(g.any() for g in mover)


def test_real_samples_are_read_for_the_generator_only_where_its_loss_needs_them() -> None:
    for objective, looks in (("hinge", 0), ("relativistic", 1)):
        played, batch = game(objective), FixedBatch(1)
        played.generator_loss(batch, played.generate(batch))
        assert batch.looks == looks


def test_parts_are_the_scalars_a_person_watches() -> None:
    played, batch = game("wasserstein", "r1", "variance"), FixedBatch(1)
    loss = played.critic_loss(batch, played.generate(batch))
    assert set(loss.parts) == {"critic_loss", "real_score", "fake_score", "r1", "variance"}
    assert not any(part.requires_grad for part in loss.parts.values())
    total = loss.parts["critic_loss"] + loss.parts["r1"] + loss.parts["variance"]
    assert torch.allclose(loss.total, total)
    assert torch.allclose(loss.parts["critic_loss"], loss.parts["fake_score"] - loss.parts["real_score"])


@pytest.mark.parametrize("rules", [(), ("r1", "r2")])
def test_batch_norm_sees_real_and_fake_apart(rules: tuple[str, ...]) -> None:
    critic = TinyCritic(nn.BatchNorm1d(8))
    played = game("hinge", *rules, critic=critic)
    batch = FixedBatch(1)
    fake = played.generate(batch)
    alone = copy.deepcopy(critic)
    played.critic_loss(batch, fake)
    assert [len(seen) for seen in critic.seen] == [8, 8]
    assert torch.equal(critic.seen[0], FixedBatch(1).real) and torch.equal(critic.seen[1], fake)
    expected = objectives.create("hinge").critic_loss(alone(FixedBatch(1).real), alone(fake))
    again = played.critic_loss(batch, fake).parts["critic_loss"]
    assert torch.allclose(again, expected, rtol=1e-6)


def test_one_pass_serves_both_sides_where_rows_do_not_mix() -> None:
    critic = TinyCritic(nn.LayerNorm(8))
    played = game("hinge", critic=critic)
    played.critic_loss(FixedBatch(1), played.generate(FixedBatch(1)))
    assert [len(seen) for seen in critic.seen] == [16]


def test_instance_noise_falls_on_all_that_the_critic_sees_and_differs_everywhere() -> None:
    played = game("relativistic", "instance-noise")
    batch = FixedBatch(1)
    generated = played.generate(batch)
    played.critic_loss(batch, generated)
    played.generator_loss(batch, generated)
    (both, fake, real) = played.critic.seen
    clean = FixedBatch(1).real
    noises = [both[:8] - clean, both[8:] - generated, fake - generated, real - clean]
    assert all(0.03 < noise.std() < 0.3 for noise in noises)
    assert not any(torch.allclose(a, b, atol=1e-3) for i, a in enumerate(noises) for b in noises[:i])


def test_latents_follow_the_prior_and_the_batch_alone() -> None:
    big = FixedBatch(1, size=4000)
    uniform, normal = (
        game(prior=priors.create("uniform")).latents(big),
        game(prior=priors.create("normal")).latents(big),
    )
    assert uniform.shape == normal.shape == (4000, LATENT)
    assert -1 <= uniform.min() < -0.99 and 0.99 < uniform.max() <= 1
    assert normal.std().item() == pytest.approx(1, abs=0.03) and normal.max() > 2.5
    assert torch.equal(uniform, game(prior=priors.create("uniform")).latents(FixedBatch(1, size=4000)))
    assert not torch.equal(uniform, game(prior=priors.create("uniform")).latents(FixedBatch(2, size=4000)))


def test_began_balances_after_the_round_by_the_last_critic_outputs() -> None:
    played = game("began", critic=TinyCritic(output="energy"))
    with torch.no_grad():
        played.critic.body[-1].bias.fill_(40.0)
    algorithm = Alternating(played, adam)
    record = algorithm.step(Stream()).values
    error = 0.5 * record["real_score"] - record["fake_score"]
    assert played.objective.balance.item() == pytest.approx(max(0.0, 0.001 * error.item()))
    assert "objective.balance" in played.state_dict()


# ---- what does not go together


def test_began_needs_an_energy_and_others_a_score() -> None:
    with pytest.raises(UserError, match=r"began needs a critic that returns one energy.*take the critic autoencoder"):
        game("began")
    energy = networks.create("autoencoder", filters=4).critic((2,))
    with pytest.raises(UserError, match="hinge needs a critic that returns one score"):
        game("hinge", critic=energy)
    assert game("began", critic=energy).critic is energy


def test_slopes_set_sample_by_sample_and_batch_norm_fight() -> None:
    with pytest.warns(UserWarning, match=r"gradient-penalty sets the critic's slope.*batch normalization"):
        game("wasserstein", "gradient-penalty", critic=TinyCritic(nn.BatchNorm1d(8)))


@pytest.mark.parametrize("rule", ["variance", "r1", "r2"])
def test_other_penalties_and_batch_norm_do_not(rule: str) -> None:
    game("wasserstein", rule, critic=TinyCritic(nn.BatchNorm1d(8)))  # a warning would be an error


@pytest.mark.parametrize("rules", [(), ("instance-noise", "diff-augment")])
def test_wasserstein_without_a_rule_for_the_slope(rules: tuple[str, ...]) -> None:
    with pytest.warns(UserWarning, match=r"no regularizer bounds the critic's slope.*wasserstein.*gradient-penalty"):
        game("wasserstein", *rules)


@pytest.mark.parametrize(
    "rule", [r for r in regularizers.names() if not isinstance(regularizers.create(r), Perturbation)]
)
def test_any_rule_for_the_slope_will_do(rule: str) -> None:
    game("wasserstein", rule)  # a warning would be an error


def test_two_rulers_of_the_weights_are_one_too_many() -> None:
    with pytest.raises(UserError, match="keep one of them"):
        game("wasserstein", "clip", "spectral-norm")
