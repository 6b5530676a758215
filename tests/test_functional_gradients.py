"""CFG, ICFG and xICFG: the pool, the steps, their size, what comes out, and plain GANs as special cases."""

from __future__ import annotations

import copy
import inspect
import io
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import rich.console
import torch
from torch import Tensor, nn

from _children import alone_and_killed
from _toys import LATENT, FixedBatch, Stream, TinyCritic, adam, assert_same_state, generator, state
from twoplayer import algorithms, networks, objectives, regularizers
from twoplayer.algorithms._base import StepRecord
from twoplayer.algorithms._frozen_conv import FrozenConv, freeze_convolutions
from twoplayer.algorithms._functional_gradient import FunctionalGradientAlgorithm
from twoplayer.algorithms._refined_generator import FunctionalSteps, RefinedGenerator
from twoplayer.algorithms._sample_pool import SamplePool
from twoplayer.algorithms._step_size import StepSize
from twoplayer.algorithms.cfg import CFG
from twoplayer.algorithms.icfg import ICFG
from twoplayer.algorithms.xicfg import XICFG
from twoplayer.api.run import Run
from twoplayer.cli import main
from twoplayer.cli._console import Console
from twoplayer.config.layers import resolve_config
from twoplayer.core.errors import UserError
from twoplayer.core.rng import torch_generator
from twoplayer.games._adversarial import AdversarialGame
from twoplayer.games._factory import ModuleFactory
from twoplayer.games.generation import GenerationGame
from twoplayer.runs import checkpoint
from twoplayer.sampling.generate import refined
from twoplayer.training.ema import EMA
from twoplayer.training.trainer import Progress

NAMES = ("cfg", "icfg", "xicfg")
SMALL = {"functional_steps": 4, "pool_size": 32}
SCALINGS = ("one", "gan0", "gan1")


def game(objective: str = "non-saturating", critic: nn.Module | None = None, *rules: str) -> GenerationGame:
    players = generator(), critic or TinyCritic()
    return GenerationGame(
        ModuleFactory(*players, objectives.create(objective), [regularizers.create(r) for r in rules])
    )


def made(name: str, played: AdversarialGame | None = None, **options: Any) -> FunctionalGradientAlgorithm:
    return algorithms.create(name, played or game(), adam, **{**SMALL, **options})


def slope_by_hand(critic: nn.Module, x: Tensor, scaling: str) -> Tensor:
    x = x.detach().requires_grad_()
    score = critic(x)
    (gradient,) = torch.autograd.grad(score.sum(), x)
    scale = {"one": lambda d: 1.0, "gan0": lambda d: 1 / (1 + torch.exp(-d)), "gan1": lambda d: 1 / (1 + torch.exp(d))}
    return torch.as_tensor(scale[scaling](score.detach())).reshape(-1, *[1] * (x.dim() - 1)) * gradient


# ---- plain GANs are special cases


@pytest.mark.parametrize(("objective", "scaling"), [("minimax", "gan0"), ("non-saturating", "gan1")])
@pytest.mark.parametrize("rate", [0.3, 1.0])
def test_a_gan_step_is_a_fit_to_the_scaled_functional_step(objective: str, scaling: str, rate: float) -> None:
    """∇_θ ½‖G_θ(z) − [G(z) + η s ∇D]‖² = −η s ∇Dᵀ J_θ at the current θ: η times that of E log(1 − σ(D)), whose
    s is σ(D) (GAN0), or of −E log σ(D), whose s is 1 − σ(D) (GAN1)."""
    played, batch = game(objective), FixedBatch(1, size=16)
    weights = list(played.generator.parameters())
    generated = played.generate(batch)
    steps = FunctionalSteps(played.critic, 1, scaling)
    steps.add(played.critic, rate)
    target = steps(generated.detach(), 0)
    fit = (generated - target).square().sum(1).mean() / 2
    by_fit = torch.autograd.grad(fit, weights, retain_graph=True)
    by_game = torch.autograd.grad(played.generator_loss(batch, generated).total, weights)
    for one, other in zip(by_fit, by_game, strict=True):
        assert other.abs().max() > 1e-4
        torch.testing.assert_close(one, rate * other, rtol=1e-4, atol=1e-7)


# ---- the steps


@pytest.mark.parametrize("scaling", SCALINGS)
def test_a_step_climbs_the_scaled_slope_of_its_own_snapshot(scaling: str) -> None:
    critics = [TinyCritic(seed=seed) for seed in (1, 2)]
    steps, x = FunctionalSteps(critics[0], 3, scaling), torch.randn(6, 2)
    for critic, rate in zip(critics, (0.5, 0.25), strict=True):
        steps.add(critic, rate)
    expected = [copy.deepcopy(critic) for critic in critics]
    for critic in critics:  # snapshots stay when the critic moves
        for parameter in critic.parameters():
            nn.init.zeros_(parameter)
    assert int(steps.taken) == 2
    for level, rate in enumerate((0.5, 0.25)):
        torch.testing.assert_close(steps(x, level), x + rate * slope_by_hand(expected[level], x, scaling))


@pytest.mark.parametrize("normalization", ["batch", "layer", "none"])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_sample_does_not_depend_on_those_drawn_beside_it(normalization: str, precision: str) -> None:
    torch.manual_seed(0)
    recipe, shape = networks.create("dcgan", filters=4, normalization=normalization), (3, 8, 8)
    base, critic = recipe.generator(LATENT, shape).eval(), recipe.critic(shape)
    for _ in range(3):
        critic(torch.randn(16, *shape))  # running statistics of its own
    refined = RefinedGenerator(base, FunctionalSteps(critic, 2, "one")).eval()
    refined.steps.record(
        base(torch.randn(16, LATENT)), refined.steps.add(critic, 2e4)
    )  # weights of deviation 0.02 have little slope
    z = torch.randn(8, LATENT)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
        together, alone = refined(z), torch.cat([refined(row) for row in z.split(1)])
        unrefined = base(z)
    assert (together - unrefined).abs().max() > 1e-3
    assert (together - alone).abs().max() < 0.05 * (together - unrefined).abs().max() + 1e-6
    assert not together.requires_grad


@pytest.mark.parametrize("scaling", SCALINGS)
def test_a_frozen_step_is_that_of_train_mode_for_each_sample_alone(scaling: str) -> None:
    torch.manual_seed(0)
    shape = (3, 8, 8)
    critic = networks.create("dcgan", filters=4, normalization="batch").critic(shape).double()
    for parameter in critic.parameters():
        nn.init.normal_(parameter, std=0.3)
    steps, x = FunctionalSteps(critic, 2, scaling), torch.randn(12, *shape, dtype=torch.float64)
    level = steps.add(critic)
    expected = slope_by_hand(copy.deepcopy(critic).train(), x, scaling)
    assert expected.abs().max() > 1e-3
    torch.testing.assert_close(steps.record(x, level), expected, rtol=1e-5, atol=1e-6)
    alone = torch.cat([steps.slope(row, level) for row in x.split(1)])
    torch.testing.assert_close(alone, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_critic_in_either_layout_has_the_same_slopes(channels: int) -> None:
    torch.manual_seed(0)
    critic, x = networks.create("dcgan", filters=4).critic((channels, 8, 8)), torch.randn(6, channels, 8, 8)
    slopes = []
    for layout in (torch.contiguous_format, torch.channels_last):
        steps = FunctionalSteps(critic.to(memory_format=layout), 1, "one")
        slopes.append(steps.record(x, steps.add(critic)))
        assert steps.channels_last == (layout == torch.channels_last)
    assert slopes[0].abs().max() > 1e-7
    torch.testing.assert_close(*slopes, rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize(("kernel", "padding"), [(4, 1), (5, 2)])
@pytest.mark.parametrize(("channels", "side"), [(1, 8), (3, 12), (2, 7)])
def test_a_frozen_convolution_has_the_same_outputs_and_slopes(
    channels: int, side: int, kernel: int, padding: int
) -> None:
    torch.manual_seed(0)
    conv = nn.Conv2d(channels, 5, kernel, 2, padding).double()
    frozen = freeze_convolutions(nn.Sequential(copy.deepcopy(conv)))
    assert isinstance(frozen[0], FrozenConv)
    x = torch.randn(3, channels, side, side, dtype=torch.float64, requires_grad=True)
    towards = torch.randn_like(conv(x))
    torch.testing.assert_close(frozen(x), conv(x), rtol=0, atol=0)
    slopes = [torch.autograd.grad(f(x), x, towards)[0] for f in (frozen, conv)]
    torch.testing.assert_close(*slopes)


@pytest.mark.parametrize(
    "conv", [nn.Conv2d(1, 5, *geometry) for geometry in ((3, 2, 1), (4, 1, 1), (5, 2, 1))] + [nn.Conv2d(8, 5, 4, 2, 1)]
)
def test_other_convolutions_stay(conv: nn.Module) -> None:
    assert freeze_convolutions(nn.Sequential(conv))[0] is conv


def test_spectral_norm_is_part_of_a_snapshot() -> None:
    played = game("non-saturating", TinyCritic(), "spectral-norm")
    steps, x = FunctionalSteps(played.critic, 1, "one"), torch.randn(5, 2)
    steps.add(played.critic, 1.0)
    torch.testing.assert_close(steps(x, 0), x + slope_by_hand(played.critic.eval(), x, "one"))


def test_memory_is_the_snapshots_and_no_more() -> None:
    critic = TinyCritic()
    count = sum(p.numel() for p in critic.parameters())
    sizes = {n: sum(b.numel() for b in FunctionalSteps(critic, n, "one").buffers()) for n in (1, 10)}
    assert sizes[10] - sizes[1] == 9 * (count + 1)


# ---- the pool


def test_a_shuffle_meets_every_row_once_and_differs() -> None:
    pool = SamplePool(torch.device("cpu"))
    pool.fill(torch.zeros(24, 1), torch.zeros(24, 2))
    orders = [pool.minibatches(8, torch_generator(seed, "order")) for seed in (0, 1)]
    for order in orders:
        assert [len(rows) for rows in order] == [8, 8, 8]
        assert sorted(torch.cat(order).tolist()) == list(range(24))
    assert not torch.equal(torch.stack(orders[0]), torch.stack(orders[1]))


@pytest.mark.parametrize("name", NAMES)
def test_the_pool_is_advanced_level_by_level_and_never_made_again(name: str) -> None:
    passes: list[int] = []
    algorithm = made(name, step_size=0.1, **({"pool_stages": 2} if name == "xicfg" else {"critic_steps": 2}))
    algorithm.refined.base.register_forward_hook(lambda *_: passes.append(1))
    stream = Stream()
    for _ in range(1 if name == "xicfg" else 4):
        algorithm.step(stream)
    assert len(passes) == 1
    assert int(algorithm.refined.steps.taken) == 4
    with torch.no_grad():
        torch.testing.assert_close(algorithm.refined(algorithm.rows.latents), algorithm.rows.samples)
        torch.testing.assert_close(algorithm.rows.latents, algorithm.game.latents(stream.given[0], 4))


def test_a_pool_is_rounded_up_to_whole_batches() -> None:
    algorithm = made("icfg", pool_size=33)
    algorithm.step(Stream())
    assert len(algorithm.rows) == 40


def test_a_pool_lies_in_memory_as_it_did_after_a_checkpoint() -> None:
    pool, back = SamplePool(torch.device("cpu")), SamplePool(torch.device("cpu"))
    pool.fill(torch.randn(4, 3), torch.randn(4, 3, 8, 8).contiguous(memory_format=torch.channels_last))
    tree, tensors = checkpoint.pack(pool.state_dict())
    back.load_state_dict(checkpoint.unpack(tree, tensors))
    assert torch.equal(back.samples, pool.samples) and torch.equal(back.latents, pool.latents)
    assert back.samples.stride() == pool.samples.stride() and not back.samples.is_contiguous()


def test_xicfg_reads_one_real_batch_for_every_critic_step_and_fits_on_the_pool() -> None:
    algorithm, stream = made("xicfg", critic_steps=2, fit_epochs=3), Stream()
    moves: list[str] = []
    for player, optimizer in algorithm.optimizers.items():
        optimizer.register_step_post_hook(lambda *_, player=player: moves.append(player))
    before = copy.deepcopy(algorithm.game.generator.state_dict())
    algorithm.step(stream)
    assert moves == ["critic"] * 8 + ["generator"] * 12  # T·U, then epochs over 32 rows in batches of 8
    assert len(stream.given) == 8 and all(batch.looks for batch in stream.given)
    # What is sampled begins with the approximator that the snapshots were made for: Algorithm 3's G_T.
    assert all(torch.equal(v, before[k]) for k, v in algorithm.refined.base.state_dict().items())
    assert not all(torch.equal(v, before[k]) for k, v in algorithm.game.generator.state_dict().items())


def test_a_second_stage_goes_on_from_the_pool_and_samples_go_from_the_fit() -> None:
    algorithm, stream = made("xicfg", step_size=0.3, pool_stages=3), Stream()
    algorithm.step(stream)
    z, once = algorithm.rows.latents, algorithm.rows.samples.clone()
    with torch.no_grad():
        torch.testing.assert_close(algorithm.refined(z), once)  # the paper's G_T
    fitted = copy.deepcopy(algorithm.game.generator.state_dict())
    algorithm.step(stream)
    twice = algorithm.rows.samples
    steps, expected = algorithm.refined.steps, once
    for level in range(4):
        expected = steps(expected, level)
    torch.testing.assert_close(twice, expected)  # advanced, eight steps from where they began
    assert all(torch.equal(v, fitted[k]) for k, v in algorithm.refined.base.state_dict().items())
    with torch.no_grad():
        error, left = (algorithm.refined(z) - twice).square().mean(), (algorithm.refined.base(z) - once).square().mean()
    assert 0.1 * left < error < 10 * left  # what is sampled is as near as the fit was


@pytest.mark.parametrize("name", NAMES)
def test_batch_statistics_of_a_part_of_the_pool_serve_the_rest(name: str) -> None:
    options = {"critic_steps": 2} if name != "xicfg" else {"pool_stages": 2}
    algorithm = made(name, game(critic=TinyCritic(nn.BatchNorm1d(8))), step_size=0.3, pool_size=192, **options)
    for _ in range(1 if name == "xicfg" else 4):
        algorithm.step(Stream())
    with torch.no_grad():
        torch.testing.assert_close(algorithm.refined(algorithm.rows.latents), algorithm.rows.samples)


@pytest.mark.parametrize("name", NAMES)
def test_minibatches_of_the_pool_are_shuffled_anew_in_every_pass(name: str) -> None:
    algorithm, batch = made(name), FixedBatch(1)
    algorithm.fill(batch)
    rows = algorithm.minibatches(batch)
    passes = [torch.stack([next(rows) for _ in range(4)]) for _ in range(3)]
    assert all(not torch.equal(a, b) for a, b in pairwise(passes))
    assert all(sorted(p.flatten().tolist()) == list(range(32)) for p in passes)


def test_fitting_brings_the_approximator_to_the_samples() -> None:
    algorithm, stream = made("xicfg", fit_epochs=30, step_size=0.5, pool_stages=2), Stream()
    algorithm.step(stream)
    z, target = algorithm.rows.latents, algorithm.rows.samples
    with torch.no_grad():
        before = (algorithm.refined.base(z) - target).square().mean()
        after = (algorithm.game.generator(z) - target).square().mean()
    assert after < 0.5 * before


def test_the_fit_cuts_its_rate_tenfold_where_its_loss_rises_three_times_at_most() -> None:
    algorithm, stream, rates = made("xicfg", fit_epochs=7), Stream(), list[float]()
    losses, batches = [1.0, 2.0, 1.5, 3.0, 4.0, 5.0, 6.0], 4  # of an epoch over 32 rows

    def move(latents: Tensor, targets: Tensor) -> Tensor:
        epoch = len(rates) // batches % len(losses)
        rates.append(algorithm.optimizers["generator"].param_groups[0]["lr"])
        return torch.tensor(losses[epoch])

    algorithm._move_generator = move  # type: ignore[attr-defined]
    for _ in range(2):  # every stage begins at the whole rate
        algorithm.step(stream)
    assert rates[::batches] == pytest.approx([1e-2, 1e-2, 1e-3, 1e-3, 1e-4, 1e-5, 1e-5] * 2)


@pytest.mark.parametrize("fresh", [True, False])
def test_a_fresh_optimizer_forgets(fresh: bool) -> None:
    algorithm, stream = made("xicfg", reset_optimizer=fresh, fit_epochs=2), Stream()
    for _ in range(2):
        algorithm.step(stream)
    (steps,) = {int(kept["step"]) for kept in algorithm.optimizers["generator"].state.values()}
    assert steps == (8 if fresh else 16)


class Images(FixedBatch):
    """Grey images of 8x8 pixels."""

    @property
    def real(self) -> Tensor:  # type: ignore[override]
        return torch.rand(self.size, 1, 8, 8, generator=self.random("data"))


def test_images_begin_as_a_random_linear_map() -> None:
    torch.manual_seed(0)
    recipe, shape = networks.create("mlp", filters=32), (1, 8, 8)
    played = GenerationGame(
        ModuleFactory(recipe.generator(6, shape), recipe.critic(shape), objectives.create("non-saturating"))
    )
    algorithm = made("xicfg", played, pool_size=256, fit_epochs=20)
    batches = iter([Images(n, size=16) for n in range(1, 6)])
    with torch.no_grad():
        before = played.generator(torch.randn(64, 6)).std()
    algorithm.step(batches)
    with torch.no_grad():
        after = algorithm.refined.base(torch.randn(64, 6)).std()
    assert before > 0.1 and after < 0.06  # a map of deviation 0.01 on 6 latents has 0.0245


def test_the_beginning_fits_its_map_also_where_it_was_not_shown_it() -> None:
    torch.manual_seed(0)
    recipe, shape, seen = networks.create("dcgan", filters=8), (1, 8, 8), dict[str, Tensor]()
    played = GenerationGame(
        ModuleFactory(recipe.generator(20, shape), recipe.critic(shape), objectives.create("non-saturating"))
    )
    algorithm = made("xicfg", played, pool_size=640)
    fit = algorithm._fit

    def spy(latents: Tensor, targets: Tensor, *rest: Any) -> Tensor:
        if not seen:
            seen.update(z=latents, targets=targets, error=fit(latents, targets, *rest))
            with torch.no_grad():
                seen["now"] = played.generator.eval()(latents)
            played.generator.train()
        else:
            seen["later"] = latents
        return seen["error"]

    algorithm._fit = spy
    algorithm.step(iter([Images(n, size=64) for n in range(1, 6)]))
    variance = seen["targets"].var()
    assert seen["error"] < 0.5 * variance and (seen["now"] - seen["targets"]).square().mean() < 0.5 * variance
    assert not torch.isclose(seen["z"], seen["later"]).any()


class Line(FixedBatch):
    """Real numbers from N(1, 1)."""

    @property
    def real(self) -> Tensor:  # type: ignore[override]
        return torch.randn(self.size, 1, generator=self.random("data")) + 1


def test_cfgs_critic_comes_near_the_log_density_ratio() -> None:
    """Of N(1, 1) to N(0, 1), which is x − 1/2."""
    torch.manual_seed(0)
    base = nn.Linear(1, 1)
    nn.init.ones_(base.weight)
    nn.init.zeros_(base.bias)
    base.latent_dim = 1
    critic = nn.Sequential(nn.Linear(1, 16), nn.Tanh(), nn.Linear(16, 1), nn.Flatten(0))
    played = GenerationGame(ModuleFactory(base, critic, objectives.create("non-saturating")))
    algorithm = made("cfg", played, functional_steps=1, pool_size=4096, critic_steps=1000)
    algorithm.step(Line(n, size=64) for n in range(1, 2000))
    x = torch.linspace(-1.5, 2.5, 41)[:, None]
    with torch.no_grad():
        error = (critic(x) - (x[:, 0] - 0.5)).abs().mean()
    assert algorithm.updates["critic"] < 1000 and error < 0.15


def test_one_noisy_block_does_not_end_the_fit_of_cfgs_critic() -> None:
    algorithm, played = made("cfg", critic_steps=1000), list[float]()
    blocks = [1.0, 1.1, 0.5, 0.6, 0.7, 0.1]

    def move(batch: Any, rows: Tensor) -> StepRecord:
        algorithm.step_size.look(batch.real)
        played.append(blocks[len(played) // 20])
        return StepRecord({"critic_loss": torch.tensor(played[-1])})

    algorithm.move_critic = move  # type: ignore[method-assign]
    algorithm.step(Stream())
    assert len(played) == 100 and played[-1] == 0.7


def test_a_fresh_critic_begins_as_the_first_one_did_after_a_resume() -> None:
    algorithm = made("cfg", critic_steps=1, reset_critic=True)
    first = copy.deepcopy(algorithm.game.critic.state_dict())
    algorithm.step(Stream())
    other = made("cfg", game(critic=TinyCritic(seed=9)), critic_steps=1, reset_critic=True)
    other.restore(checkpoint.unpack(*checkpoint.pack(algorithm.state())))
    seen: list[dict[str, Tensor]] = []
    original = other.move_critic

    def spy(batch: Any, rows: Tensor) -> Any:
        seen.append(copy.deepcopy(other.game.critic.state_dict()))
        return original(batch, rows)

    other.move_critic = spy  # type: ignore[method-assign]
    other.step(Stream())
    assert all(torch.equal(v, seen[0][k]) for k, v in first.items())


def test_cfg_fits_its_critic_longer_than_icfg_and_may_start_it_anew() -> None:
    first = made("cfg", critic_steps=100, reset_critic=True)
    start = copy.deepcopy(first.game.critic.state_dict())
    seen: list[bool] = []
    critic = first.game.critic
    original = first.move_critic

    def spy(batch: Any, rows: Tensor) -> Any:
        seen.append(all(torch.equal(v, start[k]) for k, v in critic.state_dict().items()))
        return original(batch, rows)

    first.move_critic = spy  # type: ignore[method-assign]
    stream = Stream()
    for _ in range(2):
        first.step(stream)
    assert sum(seen) == 2 and 40 <= len(seen) <= 200


# ---- the size of a step


def test_a_step_size_is_chosen_from_the_first_slopes() -> None:
    size, real = StepSize(None, 0.05, 4), torch.randn(1000, 2) * 3
    size.look(real)
    for k in range(4):
        assert size.settled is None
        slope = torch.full((10, 2), 2.0 ** (k + 1))
        rate = size.choose(torch.zeros(10, 2), slope)
        assert rate * 2.0 ** (k + 1) == pytest.approx(0.05 * 3, rel=0.05)
    assert size.settled == pytest.approx(0.15 * (2**-3 + 2**-4) / 2, rel=0.05)  # the later half's median
    assert size.choose(torch.zeros(10, 2), torch.ones(10, 2)) == size.settled


@pytest.mark.parametrize(("shape", "kept"), [((2,), 2.0), ((1, 8, 8), 1.0)])
def test_diverging_steps_halve_the_size_with_a_warning_and_go_on(shape: tuple[int, ...], kept: float) -> None:
    size, real = StepSize(8.0, 0.05, 1), torch.rand(64, *shape) * 2 - 1
    size.look(real)
    samples = torch.zeros(32, *shape)
    with pytest.warns(UserWarning, match="samples left the range of the data: the step size is now"):
        rate = size.choose(samples, torch.ones(32, *shape))
    assert rate == size.settled == kept  # images may reach 1.5, points 3
    assert size.choose(samples, torch.ones(32, *shape) * 0.1) == kept  # and no warning


def test_a_slope_that_is_not_finite_moves_nothing_and_is_forgotten() -> None:
    for given in (None, 0.5):
        size = StepSize(given, 0.05, 2)
        size.look(torch.randn(1000, 2))
        samples, slope = torch.zeros(40, 2), torch.ones(40, 2)
        slope[3, 0] = float("nan")
        with pytest.warns(UserWarning, match="2.50% of the samples stay") as said:
            rate = size.choose(samples, slope)
        assert len(said) == 1 and 0 < rate < 1 and size.cut == 1
        assert slope[3].tolist() == [0, 0] and slope[4].tolist() == [1, 1]
        assert all(0 < tried < 1 for tried in size.tried)
        with pytest.warns(UserWarning, match="100.00% of the samples stay"):
            assert size.choose(samples, torch.full((40, 2), float("inf"))) == 0
        assert size.choose(samples, torch.ones(40, 2)) == pytest.approx(rate, rel=0.03)


def test_a_snapshot_moves_no_sample_where_its_slope_is_not_finite() -> None:
    class Root(nn.Linear):
        def forward(self, input: Tensor) -> Tensor:
            return super().forward(input.sqrt()).squeeze(1)

    steps, x = FunctionalSteps(Root(2, 1), 1, "one"), torch.tensor([[0.0, 1.0], [2.0, 1.0]])
    steps.add(Root(2, 1), 1.0)
    assert torch.equal(steps(x, 0)[0], x[0]) and steps(x, 0).isfinite().all()
    assert not torch.equal(steps(x, 0)[1], x[1])


def test_a_steady_drift_is_noticed() -> None:
    """A twentieth more of all values may leave than ever before, not a twentieth more in every step."""
    size, samples, slope = StepSize(1.0, 0.05, 1), torch.linspace(-1, 1, 400)[:, None].repeat(1, 2), torch.ones(400, 2)
    size.look(samples)
    with pytest.warns(UserWarning, match="the step size is now"):
        for _ in range(60):
            samples = samples + size.choose(samples, 0.05 * slope) * 0.05 * slope
    assert samples.max() < 3.3


def test_samples_that_begin_outside_may_come_in() -> None:
    size = StepSize(1.0, 0.05, 1)
    size.look(torch.rand(64, 2) * 2 - 1)
    assert size.choose(torch.full((32, 2), 9.0), -torch.ones(32, 2)) == 1.0


def test_a_step_that_strays_at_any_size_is_skipped() -> None:
    size = StepSize(1.0, 0.05, 1)
    size.look(torch.rand(64, 2) * 2 - 1)
    with pytest.warns(UserWarning, match="this step is skipped, and the step size halved") as said:
        assert size.choose(torch.zeros(32, 2), torch.full((32, 2), 1e9)) == 0.0
    assert len(said) == 1 and size.settled == 0.5


def test_a_step_size_far_too_large_comes_down_to_where_it_serves() -> None:
    size, samples, slope = StepSize(1e12, 0.05, 1), torch.zeros(32, 2), torch.ones(32, 2)
    size.look(torch.rand(64, 2) * 2 - 1)
    with pytest.warns(UserWarning):
        rates = [size.choose(samples, slope) for _ in range(25)]
    assert rates[0] == 0.0 and 1 < rates[-1] < 4 and size.settled == rates[-1]  # points may reach 3


def test_a_halved_step_size_recovers() -> None:
    size = StepSize(8.0, 0.05, 1)
    size.look(torch.rand(64, 2) * 2 - 1)
    samples = torch.zeros(32, 2)
    with pytest.warns(UserWarning) as said:
        size.choose(samples, torch.ones(32, 2))
    assert len(said) == 1 and size.settled == 2.0
    for _ in range(20):
        assert size.choose(samples, torch.ones(32, 2) * 0.1) == 2.0
    assert size.choose(samples, torch.ones(32, 2) * 0.1) == 4.0
    back = StepSize(8.0, 0.05, 1)
    back.load_state_dict(size.state_dict())
    assert back.state_dict() == size.state_dict() and (back.settled, back.calm) == (4.0, 1)


def test_a_cut_also_cuts_the_most_that_a_step_may_move() -> None:
    size = StepSize(None, 0.05, 1)
    size.look(torch.randn(1000, 2))
    samples, slope = torch.zeros(10, 2), torch.ones(10, 2)
    whole = size.choose(samples, slope)
    size.cut = 0.25
    assert size.choose(samples, 10 * slope) == pytest.approx(whole / 40)


def test_a_run_with_a_huge_step_goes_on() -> None:
    algorithm, stream = made("icfg", step_size=1e4), Stream()
    with pytest.warns(UserWarning, match="the step size is now"):
        for _ in range(3):
            algorithm.step(stream)
    assert algorithm.rows.samples.isfinite().all() and algorithm.rows.samples.abs().max() < 50


def test_no_step_moves_farther_than_its_share_of_the_deviation() -> None:
    chosen, given = StepSize(None, 0.05, 1), StepSize(0.5, 0.05, 1)
    for size in (chosen, given):
        size.look(torch.randn(1000, 2))
    samples, slope = torch.zeros(10, 2), torch.ones(10, 2)
    settled = chosen.choose(samples, slope)
    assert chosen.choose(samples, slope / 10) == settled  # shorter where the slope is
    for steep, room in ((10.0, 1.0), (10.0, 0.5)):
        assert chosen.choose(samples, steep * slope, room) * steep == pytest.approx(room * settled)
    assert given.choose(samples, 10 * slope, 0.1) == 0.5  # what a user says stays


# ---- one generator


@pytest.mark.parametrize("name", NAMES)
def test_refine_chooses_how_many_steps_are_applied(name: str, tiny: Any) -> None:
    run = tiny(
        name, "ring", functional_steps=3, pool_size=32, steps=3, **({"critic_steps": 20} if name == "cfg" else {})
    )
    reopened = Run(run.path)
    assert isinstance(reopened.generator, RefinedGenerator)
    clouds = [reopened.sample(50, refine=n).array for n in range(4)]
    assert all(not np.array_equal(a, b) for a, b in pairwise(clouds))
    assert np.array_equal(clouds[3], reopened.sample(50).array)
    assert reopened.evaluate(n=50, refine=0)["toy"] != reopened.evaluate(n=50)["toy"]
    for wrong in (-1, 4):
        with pytest.raises(UserError, match=f"refine must be from 0 to 3, .* not {wrong}"):
            reopened.sample(4, refine=wrong)


def test_a_wrong_number_of_steps_is_told_before_anything_is_measured(tiny: Any, monkeypatch: Any) -> None:
    run = tiny("icfg", "ring", functional_steps=2, pool_size=32, steps=2)
    monkeypatch.setattr("twoplayer.measurement.measure", lambda *_, **__: pytest.fail("measured"))
    with pytest.raises(UserError, match="refine must be from 0 to 2"):
        run.evaluate(n=4, refine=3)


def test_the_command_line_refines_too(tiny: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tiny("icfg", "ring", functional_steps=2, pool_size=32, steps=2)
    file = tmp_path / "points.npy"
    assert main.run(["sample", str(run.path), "--n", "20", "--refine", "1", "-o", str(file)]) == 0
    assert np.array_equal(np.load(file), run.sample(20, refine=1).array)
    assert main.run(["evaluate", str(run.path), "--n", "20", "--refine", "1", "--json"]) == 0
    assert main.run(["sample", str(run.path), "--refine", "3", "-o", str(file), "--overwrite"]) == 2
    assert "refine must be from 0 to 2" in capsys.readouterr().err


def test_a_choice_of_steps_within_another_ends_with_it() -> None:
    algorithm = made("icfg", critic_steps=1)
    algorithm.step(Stream())
    sampler = algorithm.sampler
    with refined(sampler, 0):
        with refined(sampler, 1) as inner:
            assert inner.refine == 1
        assert sampler.refine == 0
    assert sampler.refine is None


def test_refine_is_for_generators_that_refine(tiny: Any) -> None:
    with pytest.raises(UserError, match="takes no functional gradient steps: leave refine out"):
        tiny("gan1").sample(4, refine=1)


def test_averaging_shares_the_snapshots_and_so_does_a_checkpoint() -> None:
    algorithm, stream = made("xicfg"), Stream()
    average = EMA(algorithm.sampler, 0.5)
    for _ in range(2):
        algorithm.step(stream)
        average.update()
    mean, now = average.module, algorithm.sampler
    assert mean.steps.weights is now.steps.weights and mean.steps.taken is now.steps.taken
    assert not torch.equal(next(mean.base.parameters()), next(now.base.parameters()))
    _, tensors = checkpoint.pack({"average": mean.state_dict(), "algorithm": algorithm.state()})
    assert sum(t.shape == now.steps.weights.shape for t in tensors.values()) == 1
    tree, tensors = checkpoint.pack({"average": mean.state_dict(), "algorithm": algorithm.state()})
    back = checkpoint.unpack(tree, tensors)
    assert torch.equal(back["algorithm"]["extra_state"]["refined"]["steps.weights"], now.steps.weights)
    assert torch.equal(back["average"]["steps.weights"], now.steps.weights)


def test_a_run_ends_when_all_levels_are_taken(tiny: Any) -> None:
    with pytest.warns(UserWarning, match="icfg is done after 3 steps, .* functional steps are taken: for 50 set"):
        run = tiny("icfg", "ring", functional_steps=3, pool_size=32, steps=50)
    assert (run.status["state"], run.status["step"]) == ("finished", 3)
    with pytest.warns(UserWarning, match="for 60"):
        again = tiny("icfg", "ring", functional_steps=3, pool_size=32, steps=60)
    assert again.status["step"] == 3


@pytest.mark.parametrize(("name", "levels"), [("cfg", 2), ("icfg", 230)])
def test_levels_alone_end_a_run(name: str, levels: int, tiny: Any) -> None:
    run = tiny(
        name, "ring", functional_steps=levels, pool_size=32, steps=None, critic_steps=1, batch_size=8, log_every=None
    )
    assert (run.status["state"], run.status["step"]) == ("finished", levels)
    assert len(run.progress) > levels / 3  # lines of progress go by the levels too
    with pytest.raises(UserError, match="all 4 functional steps are taken: set functional_steps higher"):
        algorithm, stream = made(name, critic_steps=1), Stream()
        for _ in range(5):
            algorithm.step(stream)


def test_a_wide_gap_ends_xicfg_after_its_stages_and_says_so(tiny: Any) -> None:
    heard = Heard()
    run = tiny("xicfg", "ring", pool_size=32, steps=9, gap_limit=1e-9, gap_stages=2, listeners=[heard])
    assert (run.status["state"], run.status["step"]) == ("finished", 2)
    reason = run.status["message"]
    assert reason.startswith("ended after stage 2: |D(real) − D(fake)| was") and "above gap_limit 1e-09" in reason
    assert heard.notes[-1] == reason


def test_a_gap_is_that_of_the_whole_stage() -> None:
    algorithm, stream = made("xicfg", critic_steps=2, gap_limit=1.0, gap_stages=1), Stream()
    gaps, original = [9.0, -9.0] * 4, algorithm.move_critic

    def spy(batch: Any, rows: Tensor) -> Any:
        record = original(batch, rows)
        record.values["real_score"] = record.values["fake_score"] + gaps.pop()
        return record

    algorithm.move_critic = spy  # type: ignore[method-assign]
    algorithm.step(stream)
    assert not algorithm.done and algorithm.end_reason is None
    gaps += [9.0] * 8
    algorithm.step(stream)
    assert algorithm.done and "was 9 in it on average" in str(algorithm.end_reason)


@pytest.mark.parametrize("method", ["cfg", "icfg"])
def test_images_cost_less_to_measure_than_to_train(method: str) -> None:
    config, members = resolve_config(method, "digits"), {"cfg": CFG, "icfg": ICFG}
    options = {n: p.default for n, p in inspect.signature(members[method]).parameters.items()} | config.algorithm
    trained = options["functional_steps"] * (options["pool_size"] + 2 * config.batch_size * options["critic_steps"])
    assert config.evaluate_count * options["functional_steps"] < trained  # critic passes of a sample


@pytest.mark.parametrize("method", ["xicfg", "xicfg-fc"])
@pytest.mark.parametrize("data", ["ring", "digits"])
def test_a_preset_is_long_enough_for_a_gap_to_end_it(method: str, data: str) -> None:
    config = resolve_config(method, data)
    size = inspect.signature(XICFG).parameters["gap_stages"].default
    stages = config.steps or config.images // (config.batch_size * config.algorithm["functional_steps"])
    assert config.algorithm.get("gap_stages", size) < stages


class Heard:
    """A listener that keeps the notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def on_note(self, text: str) -> None:
        self.notes.append(text)

    def __getattr__(self, name: str) -> Any:
        return lambda *_: None


@pytest.mark.parametrize(("trials", "words"), [(50, "at first, by the"), (2, "chosen by the critic's first slopes")])
def test_a_run_says_which_step_size_it_chose(trials: int, words: str, tiny: Any) -> None:
    heard = Heard()
    run = tiny("icfg", "ring", functional_steps=3, pool_size=32, steps=3, step_size_trials=trials, listeners=[heard])
    assert words in heard.notes[-1] and len(heard.notes) == (2 if trials == 2 else 1)
    last, chosen = run.progress[-1]["step_size"], run.status["chosen_settings"]["step_size"]
    assert 0 < last <= chosen * (1 + 1e-6)  # a settled η is the most that a step takes
    assert trials == 2 or chosen == pytest.approx(last)


def test_an_average_of_the_approximator_is_warned_of(tiny: Any) -> None:
    with pytest.warns(UserWarning, match="xicfg samples through critics .*: set ema_decay to 0"):
        tiny("gan1", "ring", algorithm="xicfg", pool_size=32, steps=1, ema_decay=0.99)


def test_a_pool_keeps_its_type_of_numbers() -> None:
    pool, back = SamplePool(torch.device("cpu")), SamplePool(torch.device("cpu"))
    pool.fill(torch.randn(4, 3), torch.randn(4, 2, dtype=torch.float64))
    back.load_state_dict(pool.state_dict())
    assert back.samples.dtype == torch.float64 and torch.equal(back.samples, pool.samples)


# ---- resuming

CASES = {
    "cfg": "cfg --data ring --data.count 200 --steps 5 --functional-steps 5 --pool-size 24 --critic-steps 40 "
    "--reset-critic true",
    "icfg": "icfg --data ring --data.count 200 --steps 5 --functional-steps 5 --pool-size 24 --critic-steps 2 "
    "--step-size-trials 3",
    "xicfg": "xicfg --data digits --steps 5 --functional-steps 2 --pool-size 16 --pool-stages 2 --fit-epochs 2 "
    "--precision bf16",
}
COMMON = (
    "--run run --batch-size 8 --filters 4 --tensorboard false --log-every 1 --checkpoint-every 2 --evaluate-every 0"
)


@pytest.mark.parametrize("case", CASES)
def test_a_killed_run_ends_in_the_same_bits(case: str, tmp_path: Path) -> None:
    command = ["train", *CASES[case].split(), *COMMON.split()]
    alone, killed, _ = alone_and_killed(command, tmp_path, lambda total: [int(total * share) for share in (0.5, 0.8)])
    assert_same_state(state(alone / "run"), state(killed / "run"))
    one, other = (Run(folder / "run").sample(20).array for folder in (alone, killed))
    assert np.array_equal(one, other)


# ---- what is said


def test_notes_stay_above_the_live_view_and_progress_does_not_flood() -> None:
    console, out = Console(), io.StringIO()
    console.terminal = rich.console.Console(file=out, force_terminal=True, width=80)
    folder = SimpleNamespace(path="run", checkpoints=Path("nowhere"))
    dataset = SimpleNamespace(name="ring", train=[0], held_out=[], kind="points", skipped=[])
    config = SimpleNamespace(method="icfg", generator={"name": "mlp"})
    console.on_start(folder, config, dataset, "cpu")
    with console:
        console.on_note("step size 0.5, chosen by the critic's first slopes")
        for share in (2, 4):
            console.on_note(f"training the classifier: {share}%, loss {1 / share:.3f}")
        console.on_progress(Progress(1, 8, 1.0, 0.5, 8.0, {}, {}))
    shown = out.getvalue()
    assert "step size 0.5, chosen by the critic's first slopes\n" in shown.replace("\r", "")
    assert shown.count("training the classifier: 2%") == 1


def test_a_note_is_said_however_soon_after_another(capfd: pytest.CaptureFixture[str]) -> None:
    with Console() as console:
        for text in (
            "extracting features",
            "step size 0.5, chosen",
            "ended after stage 2: 3 above 2",
            "at 2%",
            "at 4%",
        ):
            console.on_note(text)
    said = capfd.readouterr().err.splitlines()
    assert said == ["extracting features", "step size 0.5, chosen", "ended after stage 2: 3 above 2", "at 2%"]


# ---- mistakes


class Flat(nn.Module):
    """A critic without a slope."""

    def __init__(self) -> None:
        super().__init__()
        self.shape, self.output = (2,), "score"
        self.level = nn.Parameter(torch.zeros(1))

    def forward(self, samples: Tensor) -> Tensor:
        return self.level.expand(len(samples))


class Pairs(AdversarialGame):
    """A game whose critic judges pairs."""

    __init__ = torch.nn.Module.__init__
    critic_loss = generate = generator_loss = after_critic_step = end_step = inputs = sampler = None  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"step_size": 0.0}, "step_size must be above 0, not 0"),
        ({"step_size": -1.0}, "step_size must be above 0, not -1"),
        ({"functional_steps": 0}, "functional_steps must be at least 1, not 0"),
        ({"critic_steps": 0}, "critic_steps must be at least 1, not 0"),
        ({"pool_size": 1}, "pool_size must be at least 2, not 1"),
    ],
)
@pytest.mark.parametrize("name", NAMES)
def test_settings_without_meaning(name: str, options: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words):
        made(name, **options)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("cfg", {"scaling": "gan2"}, "scaling must be 'one', 'gan0' or 'gan1', not 'gan2'"),
        ("cfg", {"step_share": 0.0}, "step_share must be greater than 0, not 0.0"),
        ("icfg", {"step_share": 1.5}, "step_share must be less than or equal to 1, not 1.5"),
        ("icfg", {"step_size_trials": 0}, "step_size_trials must be at least 1, not 0"),
        ("xicfg", {"gap_limit": 0.0}, "gap_limit must be greater than 0, not 0.0"),
        ("xicfg", {"gap_stages": 0}, "gap_stages must be at least 1, not 0"),
        ("xicfg", {"fit_epochs": 0}, "fit_epochs must be at least 1, not 0"),
        ("xicfg", {"pool_stages": 0}, "pool_stages must be at least 1, not 0"),
    ],
)
def test_settings_of_some_without_meaning(name: str, options: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words):
        made(name, **options)


def test_games_and_critics_that_cannot_play() -> None:
    with pytest.raises(UserError, match="need the critic's gradient by its input, and this critic has none"):
        made("xicfg", GenerationGame(ModuleFactory(generator(), Flat(), objectives.create("non-saturating"))))
    with pytest.raises(UserError, match="this critic returns an energy"):
        made(
            "xicfg", GenerationGame(ModuleFactory(generator(), TinyCritic(output="energy"), objectives.create("began")))
        )
    with pytest.raises(
        UserError, match="critic takes more than samples: leave the algorithm out, or set game to generation"
    ):
        made("xicfg", Pairs())


def test_a_pool_smaller_than_a_batch_is_refused_before_anything_is_written(tiny: Any, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="a pool of 8 is smaller than a batch of 16: set pool_size to at least 16"):
        tiny("xicfg", "ring", pool_size=8)
    assert not (tmp_path / "run").exists()
