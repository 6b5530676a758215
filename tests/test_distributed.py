"""Two processes with half the batch each reach the losses and weights of one process with the whole batch.

Where a loss does not change as all critic outputs shift (relativistic, Wasserstein, hinge inside its margins), the
gradient of the critic's last bias is zero but for rounding, and Adam and RMSprop turn rounding into whole steps.
Those cases move by plain gradients here; the game is the same, the drift of that one bias is not.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from _children import two_processes
from _toys import state, tensors, unmeasured
from twoplayer.api.run import Run
from twoplayer.api.train import train
from twoplayer.core.distributed import average_gradients, mean, process_count, process_index
from twoplayer.core.errors import UserError
from twoplayer.core.files import read_json_lines

COMMON = {
    "device": "cpu", "precision": "fp32", "batch_size": 16, "steps": 5, "filters": 8, "log_every": 1,
    "checkpoint_every": 2, "evaluate_every": 3, "tensorboard": False,
}  # fmt: skip
PLAIN = {"optimizer": {"name": "sgd", "learning_rate": 0.02, "momentum": 0.5}}
STOPPING = {"steps": 90, "log_every": 100, "evaluate_every": 0, "checkpoint_every": None, "sample_every": 10_000,
            "early_stopping_patience": 0.05}  # fmt: skip
CASES: dict[str, dict[str, Any]] = {
    "gan1": {"method": "gan1", "data": "ring"},
    "wgan-gp": {"method": "wgan-gp", "data": "ring", "critic_steps": 2, **PLAIN},
    "dcgan": {"method": "dcgan", "data": "digits", "critic.normalization": "batch"},
    "bf16": {"method": "dcgan", "data": "digits", "precision": "bf16"},
    "began": {"method": "began", "data": "ring", "diversity_ratio": 1.0, "proportional_gain": 0.5},
    "relativistic-average": {"method": "gan1", "data": "ring", "objective": "relativistic", "relative_to": "average",
                             **PLAIN},
    "variance": {"method": "wgan", "data": "ring", "regularizers": "variance,r1,r2,instance-noise", "limit": 0.01,
                 **PLAIN},
    "sngan": {"method": "sngan", "data": "ring", "critic_steps": 1, "networks": "mlp-shortcut", **PLAIN},
    "icfg": {"method": "icfg", "data": "ring", "functional_steps": 5, "pool_size": 64, "step_size_trials": 2, **PLAIN},
    "cfg": {"method": "cfg", "data": "ring", "functional_steps": 5, "pool_size": 64, "critic_steps": 30,
            "reset_critic": True, **PLAIN},
    "xicfg": {"method": "xicfg", "data": "digits", "generator": "mlp", "functional_steps": 3, "pool_size": 48,
              "fit_epochs": 2,
              "pool_stages": 2, **PLAIN},
    "unrolled": {"method": "unrolled", "data": "ring", "unroll_steps": 2, **PLAIN},
    "cgan": {"method": "cgan", "data": "digits", "condition_dim": 8, **PLAIN},
    "cgan-projection": {"method": "cgan-projection", "data": "digits", "critic_steps": 1, **PLAIN},
    "acgan": {"method": "acgan", "data": "digits", "condition_dim": 8, **PLAIN},
    "bigan": {"method": "bigan", "data": "digits", "latent_dim": 6, "join_width": 8, **PLAIN},
    "augment": {"method": "dcgan", "data": "digits", "augment": "colour,cutout,flip,adaptive",
                "diff-augment.ramp_images": 200,
                "diff-augment.target": -0.9, **PLAIN},
    "stop-plateau": {"method": "gan1", "data": "ring", **STOPPING, "early_stopping": "auto",
                     "early_stopping_every": 1, **PLAIN},
    "stop-gap": {"method": "gan1", "data": "ring", **STOPPING, "early_stopping": "duality-gap",
                 "early_stopping_every": 3, **PLAIN},
    "stop-critic": {"method": "gan1", "data": "ring", **STOPPING, "early_stopping": "critic",
                    "early_stopping_every": 2, **PLAIN},
    "budget": {"method": "gan1", "data": "ring", "steps": None, "max_time": "1s", "log_every": 100, "evaluate_every": 0,
               "checkpoint_every": None, "sample_every": 10_000},
}  # fmt: skip
EQUAL = [name for name in CASES if name not in ("bf16", "budget") and not name.startswith("stop-")]


def settings(name: str) -> dict[str, Any]:
    toy = {"data.count": 400} if CASES[name]["data"] == "ring" else {}
    return {**COMMON, **toy, **CASES[name]}


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the run of every case by two processes, from one launch."""
    folder = tmp_path_factory.mktemp("pair")
    (folder / "cases.json").write_text(json.dumps({name: settings(name) for name in CASES}))
    two_processes(folder, timeout=400)
    assert [(folder / f"count.{rank}").read_text() for rank in (0, 1)] == ["2", "2"]
    return folder


def failures(pair: Path, name: str) -> list[str]:
    return [f.read_text() for f in pair.glob(f"{name}.*.failed")]


@pytest.mark.parametrize("name", EQUAL)
def test_two_halves_make_a_whole(name: str, pair: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert failures(pair, name) == []
    unmeasured(monkeypatch.setattr)
    alone = train(run=tmp_path / "run", **settings(name))
    together = Run(pair / name)
    assert [r["step"] for r in together.progress] == [1, 2, 3, 4, 5]  # each line once: one process writes
    for mine, other in zip(together.progress, alone.progress, strict=True):
        assert mine.keys() == other.keys()
        for key in mine.keys() - {"seconds", "images_per_second"}:
            assert mine[key] == pytest.approx(other[key], rel=1e-4, abs=2e-5), key
    mine, others = tensors(state(together.path)), tensors(state(alone.path))
    assert mine.keys() == others.keys()
    for key in others:
        assert torch.allclose(mine[key].double(), others[key].double(), rtol=1e-4, atol=2e-5), key
    if name == "began":
        assert 0.01 < mine["/game/objective.balance"] < 1  # it moved, and not to an end
    assert [m["step"] for m in together.metrics] == [m["step"] for m in alone.metrics] == [3, 5]
    assert together.folder.environment()["processes"] == 2


def test_two_halves_in_bfloat16_are_as_near_as_its_digits(
    pair: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert failures(pair, "bf16") == []
    unmeasured(monkeypatch.setattr)
    alone, together = train(run=tmp_path / "run", **settings("bf16")), Run(pair / "bf16")
    assert together.folder.environment()["precision"] == "bf16"
    for mine, other in zip(together.progress, alone.progress, strict=True):
        assert mine["critic_loss"] == pytest.approx(other["critic_loss"], rel=0.01)
        assert mine["generator_loss"] == pytest.approx(other["generator_loss"], rel=0.01)
    assert all(t.dtype != torch.bfloat16 and t.isfinite().all() for t in tensors(state(together.path)).values())


def test_a_budget_ends_for_all_at_once(pair: Path) -> None:
    assert failures(pair, "budget") == []
    run = Run(pair / "budget")
    assert run.status["state"] == "finished" and run.status["seconds"] >= 1
    assert state(run.path)["step"] == run.status["step"]


@pytest.mark.parametrize("name", [name for name in CASES if name.startswith("stop-")])
def test_two_processes_stop_as_one(name: str, pair: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the same round, with the same weights, for the same reason, long before the budget's end."""
    assert failures(pair, name) == []
    ends = [torch.load(pair / f"{name}.{rank}.end") for rank in (0, 1)]
    assert ends[0]["step"] == ends[1]["step"] and ends[0]["kept"] == ends[1]["kept"]
    assert all(torch.equal(ends[0]["game"][key], ends[1]["game"][key]) for key in ends[0]["game"])
    unmeasured(monkeypatch.setattr)
    alone, together = train(run=tmp_path / "run", **settings(name)), Run(pair / name)
    assert together.status["step"] == alone.status["step"] == ends[0]["step"] < 90
    assert together.status["kept"]["step"] == alone.status["kept"]["step"] == ends[0]["kept"]
    assert "nothing was to be gained any more" in together.status["message"]
    mine, others = (read_json_lines(run.folder.judgements) for run in (together, alone))
    assert [line["step"] for line in mine] == [line["step"] for line in others]
    assert [line["value"] for line in mine] == pytest.approx([line["value"] for line in others], rel=1e-3, abs=1e-4)


def test_an_odd_batch_cannot_be_shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from twoplayer.core import device

    class Two:
        num_processes = 2

    monkeypatch.setattr(device, "_accelerator", lambda *_: Two())
    with pytest.raises(UserError, match="a batch of 15 cannot be shared evenly by 2 processes"):
        train("gan1", "ring", batch_size=15, run=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_alone_nothing_is_averaged() -> None:
    x = torch.ones(3)
    assert (process_count(), process_index()) == (1, 0)
    assert mean(x) is x and average_gradients([x])[0] is x
