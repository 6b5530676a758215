"""Schedules: shapes, spelling, what can be scheduled, and that a run follows them and resumes to the bit."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch

import twoplayer
from _toys import state
from twoplayer import schedules
from twoplayer.cli.main import run as cli
from twoplayer.config.layers import resolve_config
from twoplayer.core.errors import UserError
from twoplayer.schedules._base import Schedule

SMALL: dict[str, Any] = {"filters": 8, "batch_size": 16, "evaluate_every": 0, "evaluate_count": 0,
                         "tensorboard": False, "device": "cpu", "data.count": 400, "sample_every": 1000}  # fmt: skip


@pytest.mark.parametrize("name", schedules.names())
def test_shapes_rise_from_nothing_to_all(name: str) -> None:
    shape = schedules.create(name)
    values = [shape(k / 50) for k in range(51)]
    assert (values[0], values[-1]) == (0, 1)
    assert all(a <= b for a, b in pairwise(values))


def test_a_schedule_is_its_ends_outside_its_span() -> None:
    schedule = Schedule.of("x", {"from": 2, "to": 4, "start": 0.25, "over": 0.5, "shape": "cosine"})
    assert [schedule.at(f) for f in (0, 0.25, 0.75, 1)] == [2, 2, 4, 4]
    assert schedule.at(0.375) == pytest.approx(2 + (1 - math.cos(math.pi / 4)))  # a quarter of the span


def test_without_over_the_rest_of_the_run_is_meant() -> None:
    assert Schedule.of("x", {"from": 1, "to": 0, "start": 0.6}).at(0.8) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"learning_rate": {"from": 1e-4}}, "learning_rate"),
        ({"ema_decay": {"from": 0.9, "to": 0.99, "shape": "linaer"}}, "did you mean linear"),
        ({"ema_decay": {"from": 0.9, "to": 0.99, "over": 2}}, "share"),
        ({"ema_decay": {"from": 0.9, "to": 1.5}}, "ema_decay"),
        ({"regularizers": {"r1": {"gamma": {"from": 10, "to": -1}}}}, "gamma"),
        ({"batch_size": {"from": 8, "to": 64}}, "batch_size"),
    ],
)
def test_a_wrong_schedule_is_one_sentence(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words):
        resolve_config("gan1", "ring", **settings)


@pytest.mark.parametrize(
    "settings",
    [
        {"networks": {"name": "mlp", "depth": {"from": 2, "to": 3}}},
        {"objective": {"name": "least-squares", "b": {"from": 1, "to": 0.9}}},
    ],
)
def test_what_is_used_once_cannot_change(settings: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be a schedule"):
        twoplayer.train("gan1", "ring", steps=2, run=tmp_path / "run", **SMALL, **settings)
    assert not (tmp_path / "run").exists()


SCHEDULED = {
    "learning_rate": {"from": 1e-3, "to": 1e-4, "over": 0.5, "shape": "cosine"},
    "ema_decay": {"from": 0.0, "to": 0.9},
    "beta2": {"from": 0.9, "to": 0.99},
    "regularizers": {"r1": {"gamma": {"from": 10.0, "to": 1.0, "shape": "linear"}}},
}


def test_a_run_follows_its_schedules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from twoplayer.training.trainer import Trainer

    course = []

    step = Trainer._step

    def watched(self: Trainer) -> Any:
        values = step(self)
        group = self.algorithm.optimizers["critic"].param_groups[0]
        course.append((group["lr"], group["betas"][1], self.ema.decay, self.problem.regularizer("r1").gamma))
        return values

    monkeypatch.setattr(Trainer, "_step", watched)
    twoplayer.train("gan1", "ring", steps=10, run=tmp_path / "run", **SMALL, **SCHEDULED)
    rates, betas, decays, gammas = zip(*course, strict=True)
    assert rates[0] == pytest.approx(1e-3) and rates[5:] == pytest.approx([1e-4] * 5)
    assert rates[1] == pytest.approx(1e-3 - 9e-4 * (1 - math.cos(math.pi * 0.2)) / 2)
    assert betas == pytest.approx([0.9 + 0.09 * k / 10 for k in range(10)])
    assert decays == pytest.approx([0.09 * k for k in range(10)])
    assert gammas == pytest.approx([10 - 0.9 * k for k in range(10)])


def test_a_scheduled_run_resumes_to_the_same_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from twoplayer.core.errors import Interrupted
    from twoplayer.training.trainer import Trainer

    settings = {**SMALL, **SCHEDULED, "steps": 12}
    twoplayer.train("gan1", "ring", run=tmp_path / "whole", **settings)
    agree = Trainer._agree
    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_agree", lambda self, interrupt: 1 if self.step == 5 else agree(self, interrupt))
        with pytest.raises(Interrupted):
            twoplayer.train("gan1", "ring", run=tmp_path / "halved", **settings)
    twoplayer.train("gan1", "ring", run=tmp_path / "halved", **settings)
    one, other = state(tmp_path / "whole")["problem"], state(tmp_path / "halved")["problem"]
    assert all(torch.equal(one[k], other[k]) for k in one)
    with pytest.raises(UserError, match="steps"):  # the end moves the schedules
        twoplayer.train("gan1", "ring", run=tmp_path / "whole", **{**settings, "steps": 20})


def test_a_rate_may_begin_at_zero(tmp_path: Path) -> None:
    warm = {"learning_rate": {"from": 0, "to": 1e-3, "over": 0.2}}
    run = twoplayer.train("gan1", "ring", steps=5, run=tmp_path / "run", **SMALL, **warm)
    assert run.status["state"] == "finished"


def test_all_three_spellings_of_a_schedule(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("ema_decay: {from: 0.9, to: 0.99, over: 0.5, shape: cosine}\n")
    keywords = resolve_config("gan1", "ring", ema_decay={"from": 0.9, "to": 0.99, "over": 0.5, "shape": "cosine"})
    assert resolve_config("gan1", "ring", config=tmp_path / "a.yaml").tree() == keywords.tree()
    arguments = ["train", "gan1", "--data", "ring", "--ema-decay", "{from: 0.9, to: 0.99, over: 0.5, shape: cosine}",
                 "--run", str(tmp_path / "run"), "--steps", "1", "--evaluate-count", "0",
                 "--tensorboard", "false"]  # fmt: skip
    assert cli(arguments) == 0
    assert "shape: cosine" in (tmp_path / "run" / "config.yaml").read_text()
