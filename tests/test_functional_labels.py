"""Functional gradients with labels: samples keep what they were asked to be while they are moved."""

from __future__ import annotations

import signal
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import softplus

from _children import alone_and_killed
from _toys import adam, assert_same_state, state
from test_conditional import SHAPES, ToldBatch, codes, game
from twoplayer import algorithms
from twoplayer.algorithms._functional_gradient import FunctionalGradientAlgorithm
from twoplayer.algorithms._refined_generator import RefinedGenerator
from twoplayer.api.run import Run
from twoplayer.cli import main
from twoplayer.config.layers import resolve_config
from twoplayer.core import distributed
from twoplayer.core.device import place
from twoplayer.core.errors import UserError
from twoplayer.data._base import Dataset
from twoplayer.games._factory import ConditioningData
from twoplayer.games.conditional import ConditionalGame
from twoplayer.training.batches import Batches

NAMES = ("cfg", "icfg", "xicfg")
WAYS = [
    {"critic_conditioning": "concatenation"},
    {"critic_conditioning": "projection"},
    {"generator_conditioning": "normalization", "critic_conditioning": "projection"},
]


class Labelled(ToldBatch):
    """A batch that knows what else may be asked for."""

    def random_conditions(self, times: int) -> Tensor:
        return torch.from_numpy(codes(self.size * times, 1000 + self.number))


def batches(kind: str) -> Any:
    return (Labelled(number, SHAPES[kind]) for number in count(1))


def made(name: str, played: ConditionalGame, **options: Any) -> FunctionalGradientAlgorithm:
    small = {
        "functional_steps": 3,
        "pool_size": 24,
        "step_size": 0.3,
        **({"critic_steps": 2} if name != "xicfg" else {}),
    }
    return algorithms.create(name, played, adam, **{**small, **options})


def played(kind: str = "points", normalization: str = "none", **options: Any) -> ConditionalGame:
    return game(kind, kit={"normalization": normalization}, **options)


# ---- the steps


@pytest.mark.filterwarnings("ignore:samples left the range")  # as they may, of made-up data
@pytest.mark.parametrize("way", WAYS, ids=lambda way: "-".join(way.values()))
@pytest.mark.parametrize(("name", "kind"), [("cfg", "points"), ("icfg", "images"), ("xicfg", "points")])
def test_what_is_sampled_is_the_pool_with_its_conditions(name: str, kind: str, way: dict[str, str]) -> None:
    options = {"pool_stages": 2} if name == "xicfg" else {"critic_steps": 2}
    algorithm, stream = made(name, played(kind, "batch", **way), **options), batches(kind)
    for _ in range(1 if name == "xicfg" else 3):
        algorithm.step(stream)
    inputs = algorithm.rows.latents
    assert np.array_equal(inputs[:, 3:], codes(24, 1001)) and int(algorithm.refined.steps.taken) == 3
    other = torch.cat([inputs[:, :3], inputs[:, 3:].roll(1, 0)], 1)
    with torch.no_grad():
        torch.testing.assert_close(algorithm.refined(inputs), algorithm.rows.samples)
        assert not torch.allclose(algorithm.refined(other), algorithm.rows.samples)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: "-".join(way.values()))
def test_a_step_climbs_the_critic_that_is_told_the_samples_own_condition(way: dict[str, str]) -> None:
    algorithm = made("icfg", played("images", "layer" if "generator_conditioning" in way else "none", **way))
    algorithm.step(batches("images"))
    critic, steps = algorithm.game.critic, algorithm.refined.steps
    x, given = torch.randn(6, *SHAPES["images"]), torch.from_numpy(codes(6, 5))
    x.requires_grad_()
    (slope,) = torch.autograd.grad(critic(x, given).sum(), x)
    torch.testing.assert_close(steps(x.detach(), steps.add(critic, 0.25), given), x.detach() + 0.25 * slope)
    assert slope.abs().max() > 1e-4


def test_the_critic_learns_from_real_pairs_and_from_refined_pairs() -> None:
    """Logistic regression between (x, y) and (x', y'), each sample with its own condition."""
    one = played(critic_conditioning="projection")
    batch, inputs = Labelled(1), one.latents(Labelled(9))
    samples = torch.randn(8, 2)
    loss = one.critic_loss_on(batch, samples, inputs)
    real, fake = one.critic(batch.real, batch.conditions), one.critic(samples, inputs[:, 3:])
    assert not torch.equal(inputs[:, 3:], batch.conditions)
    torch.testing.assert_close(loss.total, softplus(-real).mean() + softplus(fake).mean())
    assert set(loss.parts) == {"critic_loss", "real_score", "fake_score"}


def test_the_approximator_learns_samples_with_their_conditions() -> None:
    algorithm = made("xicfg", played(critic_conditioning="projection"), fit_epochs=40, pool_stages=2)
    algorithm.step(batches("points"))
    inputs, target = algorithm.rows.latents, algorithm.rows.samples
    with torch.no_grad():
        before = (algorithm.refined.base(inputs) - target).square().mean()
        after = (algorithm.game.generator(inputs) - target).square().mean()
    assert after < 0.5 * before


@pytest.mark.parametrize("rules", [("r1",), ("gradient-penalty",), ("spectral-norm",), ("instance-noise",)])
def test_rules_hold_too(rules: tuple[str, ...]) -> None:
    one = game(kit={"rules": rules, "normalization": "layer"}, critic_conditioning="concatenation")
    algorithm = made("xicfg", one)
    record = algorithm.step(batches("points"))
    assert all(value.isfinite() for value in record.values.values())
    key = rules[0].replace("-", "_")
    assert (key in record.values) == (rules[0] in ("r1", "gradient-penalty"))


# ---- what a pool is asked for


def stream(size: int = 6) -> Batches:
    data = Dataset("rows", "points", np.zeros((50, 2), np.float32), np.zeros((0, 2), np.float32))
    knowledge = ConditioningData(lambda rows, random: rows[:, None].astype(np.float32))
    return Batches(data, size, 0, place("cpu", "fp32", "contiguous", "points"), knowledge)


def test_a_pools_conditions_are_those_of_any_training_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = next(stream()), None
    drawn = first.random_conditions(40)
    assert drawn.shape == (240, 1) and set(drawn.flatten().tolist()) == set(range(50))
    assert torch.equal(next(stream()).random_conditions(40), drawn)
    both = stream()
    next(both)
    second = next(both)
    assert not torch.equal(second.random_conditions(40), drawn) and both.read == 2
    monkeypatch.setattr(distributed, "process_count", lambda: 2)
    halves = []
    for index in range(2):
        monkeypatch.setattr(distributed, "process_index", lambda index=index: index)
        halves.append(next(stream()).random_conditions(40))
    assert torch.equal(torch.cat(halves), drawn)


# ---- mistakes


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "options",
    [{"critic_conditioning": "projection", "auxiliary_classifier": "shared"}, {"auxiliary_classifier": "own"}],
)
def test_a_checker_would_not_be_heard(name: str, options: dict[str, str]) -> None:
    words = "ignore this game's auxiliary classifier: set auxiliary_classifier to none, and critic_conditioning to"
    with pytest.raises(UserError, match=words):
        made(name, played(**options))


# ---- runs


@pytest.fixture
def heaps(tmp_path: Path) -> str:
    """A file of points in two heaps, one for each label."""
    draw, file = np.random.default_rng(0), tmp_path / "heaps.csv"
    points = draw.normal(size=(600, 2)) * 0.3 + np.repeat([-2, 2], 300)[:, None]
    rows = [f"{x:.6f},{y:.6f},{'low' if i < 300 else 'high'}" for i, (x, y) in enumerate(points)]
    file.write_text("\n".join(["x,y,label", *rows]))
    return str(file)


def test_a_run_is_asked_for_labels_and_refined(
    heaps: str, tiny: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = {
        "functional_steps": 80,
        "pool_size": 256,
        "steps": 80,
        "step_share": 0.08,
        "filters": 32,
        "batch_size": 64,
        "data.count": None,
    }
    run = tiny("icfg", heaps, game="conditional", **settings)
    run = Run(run.path)
    assert isinstance(run.generator, RefinedGenerator)
    for label, centre in (("low", -2), ("high", 2)):
        start, end = run.sample(200, label=label, refine=0).array, run.sample(200, label=label).array
        assert np.abs(end.mean(0) - centre).max() < 0.7 < np.abs(start.mean(0) - centre).max()
        assert (np.sign(end) == np.sign(centre)).mean() > 0.95
    found, before = run.evaluate(n=200), run.evaluate(n=200, refine=0)
    assert found["label_accuracy"] > 0.95 and before["label_accuracy"] < 0.8
    file = tmp_path / "points.npy"
    command = ["sample", str(run.path), "--n", "20", "--label", "low", "--refine", "7", "-o", str(file)]
    assert main.run(command) == 0
    assert np.array_equal(np.load(file), run.sample(20, label="low", refine=7).array)
    assert main.run([*command[:5], "neither", *command[6:], "--overwrite"]) == 2
    assert "label is never 'neither'" in capsys.readouterr().err


@pytest.mark.parametrize("method", [*NAMES, "xicfg-fc"])
def test_presets_play_with_labels(method: str) -> None:
    config = resolve_config(method, "digits", game="conditional")
    assert config.game["name"] == "conditional" and config.algorithm["name"] == method.removesuffix("-fc")
    projected = resolve_config(method, "digits", game={"name": "conditional", "critic_conditioning": "projection"})
    assert projected.game["critic_conditioning"] == "projection"


COMMAND = (
    "train xicfg --game conditional --data digits --resolution 8 --steps 3 --functional-steps 2 --pool-size 16 "
    "--pool-stages 2 --fit-epochs 2 --precision bf16 --run run --batch-size 8 --filters 4 --tensorboard false "
    "--log-every 1 --checkpoint-every 2 --evaluate-every 0"
)


def test_a_killed_run_ends_in_the_same_bits(tmp_path: Path) -> None:
    alone, killed, codes = alone_and_killed(COMMAND.split(), tmp_path, lambda total: [int(total * 0.7)])
    assert codes == [-signal.SIGKILL]
    assert_same_state(state(alone / "run"), state(killed / "run"))
    one, other = (Run(folder / "run").sample(20, label="3").array for folder in (alone, killed))
    assert np.array_equal(one, other)
