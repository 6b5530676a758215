"""Step sizes that fall towards the end of a run: by how much, for whom, after a resume, and what they forbid."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from _toys import Stream, TinyCritic, assert_same_state, generator, state
from twoplayer import objectives
from twoplayer.algorithms.alternating import Alternating
from twoplayer.algorithms.unrolled import Unrolled
from twoplayer.config.layers import resolve_config
from twoplayer.core.device import place
from twoplayer.core.errors import UserError
from twoplayer.games._factory import DataSpec, ModuleFactory
from twoplayer.games.generation import GenerationGame
from twoplayer.training.build import build
from twoplayer.training.ema import EMA
from twoplayer.training.scheduled_values import ScheduledValues


def paces(fractions: list[float], **settings: Any) -> list[float]:
    config = resolve_config("gan1", "ring", filters=8, **settings)
    built = build(config, DataSpec((2,)), place("cpu", "fp32", "contiguous", "points"))
    scheduled = ScheduledValues(config, built, EMA(built.algorithm.sampler, 0.0))
    return [scheduled.lr_scale(fraction)["critic"] for fraction in fractions]


def test_the_rate_stays_and_then_falls_linearly_to_nothing() -> None:
    assert paces([0, 0.25, 0.5, 0.75, 0.9, 1], lr_decay_start=0.5) == pytest.approx([1, 1, 1, 0.5, 0.2, 0])
    assert paces([0, 0.5, 1], lr_decay_start=0) == pytest.approx([1, 0.5, 0])
    assert paces([0, 0.5, 1]) == [1, 1, 1]
    assert resolve_config("cyclegan", "pairs:somewhere").optimizer.lr_decay_start == 0.5  # Zhu et al. 2017, section 4
    with pytest.raises(UserError, match=r"lr_decay_start must be less than or equal to 1, not 1\.5"):
        resolve_config("gan1", "ring", lr_decay_start=1.5)


def game() -> GenerationGame:
    return GenerationGame(ModuleFactory(generator(), TinyCritic(), objectives.create("non-saturating")))


def sgd(player: str, module: torch.nn.Module) -> torch.optim.Optimizer:
    return torch.optim.SGD(module.parameters(), 0.1 if player == "critic" else 0.3)


def way(share: float) -> dict[str, torch.Tensor]:
    """How far one round moves the critic, whose gradient is that of its first weights whatever the share."""
    played = game()
    before = {k: v.clone() for k, v in played.critic.state_dict().items()}
    algorithm = Alternating(played, sgd)
    algorithm.set_lr_scale(0.9)
    algorithm.set_lr_scale(share)
    assert [o.param_groups[0]["lr"] for o in algorithm.optimizers.values()] == pytest.approx([0.3 * share, 0.1 * share])
    algorithm.step(Stream())
    return {k: v - before[k] for k, v in played.critic.state_dict().items()}


def test_a_share_of_the_rate_is_that_share_of_the_way() -> None:
    whole, half = way(1.0), way(0.5)
    for name, moved in whole.items():
        torch.testing.assert_close(half[name], moved / 2)
    assert all(not moved.any() for moved in way(0.0).values())


def test_an_unrolled_critic_looks_ahead_at_the_same_pace() -> None:
    """At no pace at all, five steps ahead is where the critic stands."""
    standing, ahead = (Unrolled(game(), sgd, unroll_steps=unroll, inner_optimizer="sgd") for unroll in (0, 5))
    for algorithm in (standing, ahead):
        algorithm.set_lr_scale(0.0)
    values = [algorithm.step(Stream()).values["generator_loss"] for algorithm in (standing, ahead)]
    assert float(values[0]) == pytest.approx(float(values[1]), rel=1e-6)


def rates(folder: Path) -> list[float]:
    optimizers = state(folder)["algorithm"]["optimizers"]
    return [optimizers[player]["param_groups"][0]["lr"] for player in ("generator", "critic")]


def test_a_resumed_run_falls_as_one_left_alone(tiny: Callable[..., Any], tmp_path: Path) -> None:
    settings = {"lr_decay_start": 0.5, "steps": 8, "checkpoint_every": 1, "keep_checkpoints": 20, "optimizer": "adam",
                "learning_rate": 0.01, "critic_learning_rate": 0.02}  # fmt: skip
    tiny("gan1", "ring", "alone", **settings)
    assert rates(tmp_path / "alone") == pytest.approx([0.01 / 4, 0.02 / 4])  # round 8 of 8 begins at 7/8
    for left in (3, 6):  # before it falls, and while it does
        folder = tmp_path / f"left {left}"
        shutil.copytree(tmp_path / "alone", folder)
        for saved in (folder / "checkpoints").iterdir():
            if int(saved.name) > left:
                shutil.rmtree(saved)
        tiny("gan1", "ring", folder.name, **settings)
        assert_same_state(state(folder), state(tmp_path / "alone"))
    tiny("gan1", "ring", "steady", **{**settings, "lr_decay_start": 1.0})
    assert rates(tmp_path / "steady") == [0.01, 0.02]
    steady, alone = state(tmp_path / "steady")["problem"], state(tmp_path / "alone")["problem"]
    assert any(not torch.equal(steady[name], alone[name]) for name in steady)


def test_the_fit_of_functional_gradients_falls_too(tiny: Callable[..., Any], tmp_path: Path) -> None:
    small = {
        "functional_steps": 2,
        "pool_size": 32,
        "fit_epochs": 1,
        "step_size_trials": 2,
        "learning_rate": 0.01,
        "critic_learning_rate": 0.02,
    }
    tiny("xicfg", "ring", steps=4, lr_decay_start=0.5, **small)
    assert rates(tmp_path / "run") == pytest.approx([0.005, 0.01])


def test_a_run_whose_rate_falls_to_its_end_has_no_other_end(tiny: Callable[..., Any]) -> None:
    tiny("gan1", "ring", "falling", lr_decay_start=0.5)
    with pytest.raises(UserError, match=r"settings \(steps: 4 there, 6 now\), and its step sizes fall to 0 at the end"):
        tiny("gan1", "ring", "falling", lr_decay_start=0.5, steps=6)
    with pytest.raises(UserError, match=r"settings \(seed: 0 there, 3 now\): give another --run folder"):
        tiny("gan1", "ring", "falling", lr_decay_start=0.5, seed=3)
    tiny("gan1", "ring", "steady")
    assert tiny("gan1", "ring", "steady", steps=6).status["step"] == 6
