"""CFG, ICFG and xICFG: the pool, the steps, their size, what comes out, and plain GANs as special cases."""

from __future__ import annotations

import copy
import signal
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from _children import operations, twoplayer
from _toys import LATENT, FixedBatch, Stream, TinyCritic, adam, assert_same_state, generator, state
from twoplayer import algorithms, networks, objectives, regularizers
from twoplayer.algorithms._functional import Functional
from twoplayer.algorithms._pool import Pool
from twoplayer.algorithms._refined import Refined, Steps
from twoplayer.algorithms._step_size import StepSize
from twoplayer.cli import main
from twoplayer.errors import UserError
from twoplayer.games._base import Game
from twoplayer.games.generation import Generation
from twoplayer.rng import torch_generator
from twoplayer.run import Run
from twoplayer.training import checkpoint
from twoplayer.training.average import Average

NAMES = ("cfg", "icfg", "xicfg")
SMALL = {"levels": 4, "pool": 32}
SCALINGS = ("one", "gan0", "gan1")


def game(objective: str = "non-saturating", critic: nn.Module | None = None, *rules: str) -> Generation:
    players = generator(), critic or TinyCritic()
    return Generation(*players, objectives.create(objective), [regularizers.create(r) for r in rules])


def made(name: str, played: Game | None = None, **options: Any) -> Functional:
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
    steps = Steps(played.critic, 1, scaling)
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
    steps, x = Steps(critics[0], 3, scaling), torch.randn(6, 2)
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
    refined = Refined(base, Steps(critic, 2, "one")).eval()
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
    steps, x = Steps(critic, 2, scaling), torch.randn(12, *shape, dtype=torch.float64)
    level = steps.add(critic)
    expected = slope_by_hand(copy.deepcopy(critic).train(), x, scaling)
    assert expected.abs().max() > 1e-3
    torch.testing.assert_close(steps.record(x, level), expected, rtol=1e-5, atol=1e-6)
    alone = torch.cat([steps.slope(row, level) for row in x.split(1)])
    torch.testing.assert_close(alone, expected, rtol=1e-5, atol=1e-6)


def test_spectral_norm_is_part_of_a_snapshot() -> None:
    played = game("non-saturating", TinyCritic(), "spectral-norm")
    steps, x = Steps(played.critic, 1, "one"), torch.randn(5, 2)
    steps.add(played.critic, 1.0)
    torch.testing.assert_close(steps(x, 0), x + slope_by_hand(played.critic.eval(), x, "one"))


def test_memory_is_the_snapshots_and_no_more() -> None:
    critic = TinyCritic()
    count = sum(p.numel() for p in critic.parameters())
    sizes = {n: sum(b.numel() for b in Steps(critic, n, "one").buffers()) for n in (1, 10)}
    assert sizes[10] - sizes[1] == 9 * (count + 1)


# ---- the pool


def test_a_shuffle_meets_every_row_once_and_differs() -> None:
    pool = Pool(torch.device("cpu"))
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
        algorithm.round(stream)
    assert len(passes) == 1
    assert int(algorithm.refined.steps.taken) == 4
    with torch.no_grad():
        torch.testing.assert_close(algorithm.refined(algorithm.rows.latents), algorithm.rows.samples)
        torch.testing.assert_close(algorithm.rows.latents, algorithm.game.latents(stream.given[0], 4))


def test_a_pool_is_rounded_up_to_whole_batches() -> None:
    algorithm = made("icfg", pool=33)
    algorithm.round(Stream())
    assert len(algorithm.rows) == 40


def test_a_pool_lies_in_memory_as_it_did_after_a_checkpoint() -> None:
    pool, back = Pool(torch.device("cpu")), Pool(torch.device("cpu"))
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
    algorithm.round(stream)
    assert moves == ["critic"] * 8 + ["generator"] * 12  # T·U, then epochs over 32 rows in batches of 8
    assert len(stream.given) == 8 and all(batch.looks for batch in stream.given)
    # What is sampled begins with the approximator that the snapshots were made for: Algorithm 3's G_T.
    assert all(torch.equal(v, before[k]) for k, v in algorithm.refined.base.state_dict().items())
    assert not all(torch.equal(v, before[k]) for k, v in algorithm.game.generator.state_dict().items())


def test_fitting_brings_the_approximator_to_the_samples() -> None:
    algorithm, stream = made("xicfg", fit_epochs=30, step_size=0.5, pool_stages=2), Stream()
    algorithm.round(stream)
    z, target = algorithm.rows.latents, algorithm.rows.samples
    with torch.no_grad():
        before = (algorithm.refined.base(z) - target).square().mean()
        after = (algorithm.game.generator(z) - target).square().mean()
    assert after < 0.5 * before


@pytest.mark.parametrize("fresh", [True, False])
def test_a_fresh_optimizer_forgets(fresh: bool) -> None:
    algorithm, stream = made("xicfg", fresh_optimizer=fresh, fit_epochs=2), Stream()
    for _ in range(2):
        algorithm.round(stream)
    (steps,) = {int(kept["step"]) for kept in algorithm.optimizers["generator"].state.values()}
    assert steps == (8 if fresh else 16)


def test_images_begin_as_a_random_linear_map() -> None:
    torch.manual_seed(0)
    recipe, shape = networks.create("mlp", filters=32), (1, 8, 8)
    played = Generation(recipe.generator(6, shape), recipe.critic(shape), objectives.create("non-saturating"))
    algorithm = made("xicfg", played, pool=256, fit_epochs=20)

    class Images(FixedBatch):
        @property
        def real(self) -> Tensor:  # type: ignore[override]
            return torch.rand(self.size, *shape, generator=self.random("data"))

    batches = iter([Images(n, size=16) for n in range(1, 6)])
    with torch.no_grad():
        before = played.generator(torch.randn(64, 6)).std()
    algorithm.round(batches)
    with torch.no_grad():
        after = algorithm.refined.base(torch.randn(64, 6)).std()
    assert before > 0.1 and after < 0.06  # a map of deviation 0.01 on 6 latents has 0.0245


def test_cfg_fits_its_critic_longer_than_icfg_and_may_start_it_anew() -> None:
    first = made("cfg", critic_steps=100, fresh=True)
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
        first.round(stream)
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


def test_a_run_with_a_huge_step_goes_on() -> None:
    algorithm, stream = made("icfg", step_size=1e4), Stream()
    with pytest.warns(UserWarning, match="the step size is now"):
        for _ in range(3):
            algorithm.round(stream)
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
    run = tiny(name, "ring", levels=3, pool=32, **({"critic_steps": 20} if name == "cfg" else {}))
    reopened = Run(run.path)
    assert isinstance(reopened.generator, Refined)
    clouds = [reopened.sample(50, refine=n).array for n in range(4)]
    assert all(not np.array_equal(a, b) for a, b in pairwise(clouds))
    assert np.array_equal(clouds[3], reopened.sample(50).array)
    assert reopened.evaluate(n=50, refine=0)["toy"] != reopened.evaluate(n=50)["toy"]
    for wrong in (-1, 4):
        with pytest.raises(UserError, match=f"refine must be from 0 to 3, .* not {wrong}"):
            reopened.sample(4, refine=wrong)


def test_the_command_line_refines_too(tiny: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tiny("icfg", "ring", levels=2, pool=32, steps=2)
    file = tmp_path / "points.npy"
    assert main.run(["sample", str(run.path), "--n", "20", "--refine", "1", "-o", str(file)]) == 0
    assert np.array_equal(np.load(file), run.sample(20, refine=1).array)
    assert main.run(["evaluate", str(run.path), "--n", "20", "--refine", "1", "--json"]) == 0
    assert main.run(["sample", str(run.path), "--refine", "3", "-o", str(file)]) == 2
    assert "refine must be from 0 to 2" in capsys.readouterr().err


def test_refine_is_for_generators_that_refine(tiny: Any) -> None:
    with pytest.raises(UserError, match="takes no functional gradient steps: leave refine out"):
        tiny("gan1").sample(4, refine=1)


def test_averaging_shares_the_snapshots_and_so_does_a_checkpoint() -> None:
    algorithm, stream = made("xicfg"), Stream()
    average = Average(algorithm.sampler, 0.5)
    for _ in range(2):
        algorithm.round(stream)
        average.update()
    mean, now = average.module, algorithm.sampler
    assert mean.steps.weights is now.steps.weights and mean.steps.taken is now.steps.taken
    assert not torch.equal(next(mean.base.parameters()), next(now.base.parameters()))
    _, tensors = checkpoint.pack({"average": mean.state_dict(), "algorithm": algorithm.state()})
    assert sum(t.shape == now.steps.weights.shape for t in tensors.values()) == 1
    tree, tensors = checkpoint.pack({"average": mean.state_dict(), "algorithm": algorithm.state()})
    back = checkpoint.unpack(tree, tensors)
    assert torch.equal(back["algorithm"]["memories"]["refined"]["steps.weights"], now.steps.weights)
    assert torch.equal(back["average"]["steps.weights"], now.steps.weights)


def test_a_run_ends_when_all_levels_are_taken(tiny: Any) -> None:
    run = tiny("icfg", "ring", levels=3, pool=32, steps=50)
    assert (run.status["state"], run.status["step"]) == ("finished", 3)
    again = tiny("icfg", "ring", levels=3, pool=32, steps=60)
    assert again.status["step"] == 3


def test_a_wide_gap_ends_xicfg_after_its_stages(tiny: Any) -> None:
    run = tiny("xicfg", "ring", pool=32, steps=9, gap_limit=1e-9, gap_stages=2)
    assert (run.status["state"], run.status["step"]) == ("finished", 2)


# ---- resuming

CASES = {
    "cfg": "cfg --data ring --data.count 200 --steps 5 --levels 5 --pool 24 --critic-steps 40",
    "icfg": "icfg --data ring --data.count 200 --steps 5 --levels 5 --pool 24 --critic-steps 2 --trials 3",
    "xicfg": "xicfg --data digits --steps 5 --levels 2 --pool 16 --pool-stages 2 --fit-epochs 2 --precision bf16",
}
COMMON = "--run run --batch 8 --filters 4 --tensorboard false --log-every 1 --checkpoint-every 2 --evaluate-every 0"


@pytest.mark.parametrize("case", CASES)
def test_a_killed_run_ends_in_the_same_bits(case: str, tmp_path: Path) -> None:
    command = ["train", *CASES[case].split(), *COMMON.split()]
    alone, killed = tmp_path / "alone", tmp_path / "killed"
    for folder in (alone, killed):
        folder.mkdir()
    assert twoplayer(command, alone) == 0, (alone / "printed").read_text()
    total = operations(alone)
    for share in (0.5, 0.8):
        assert twoplayer(command, killed, die_at=int(total * share)) in (0, -signal.SIGKILL)
    assert twoplayer(command, killed) == 0, (killed / "printed").read_text()
    assert_same_state(state(alone / "run"), state(killed / "run"))
    one, other = (Run(folder / "run").sample(20).array for folder in (alone, killed))
    assert np.array_equal(one, other)


# ---- mistakes


class Flat(nn.Module):
    """A critic without a slope."""

    def __init__(self) -> None:
        super().__init__()
        self.shape, self.output = (2,), "score"
        self.level = nn.Parameter(torch.zeros(1))

    def forward(self, samples: Tensor) -> Tensor:
        return self.level.expand(len(samples))


class Pairs(Game):
    """A game whose critic judges pairs."""

    critic_loss = generate = generator_loss = after_critic_step = end_round = sampler = None  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"step_size": 0.0}, "step_size must be above 0, not 0"),
        ({"step_size": -1.0}, "step_size must be above 0, not -1"),
        ({"levels": 0}, "levels must be at least 1, not 0"),
        ({"critic_steps": 0}, "critic_steps must be at least 1, not 0"),
        ({"pool": 1}, "pool must be at least 2, not 1"),
    ],
)
@pytest.mark.parametrize("name", NAMES)
def test_settings_without_meaning(name: str, options: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words):
        made(name, **options)


def test_games_and_critics_that_cannot_play() -> None:
    with pytest.raises(UserError, match="need the critic's gradient by its input, and this critic has none"):
        made("xicfg", Generation(generator(), Flat(), objectives.create("non-saturating")))
    with pytest.raises(UserError, match="this critic returns an energy"):
        made("xicfg", Generation(generator(), TinyCritic(output="energy"), objectives.create("began")))
    with pytest.raises(UserError, match="critic judges more than samples: set game to generation"):
        made("xicfg", Pairs())


def test_a_pool_smaller_than_a_batch_is_refused_before_anything_is_written(tiny: Any, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="a pool of 8 is smaller than a batch of 16: set pool to at least 16"):
        tiny("xicfg", "ring", pool=8)
    assert not (tmp_path / "run").exists()
