"""Killed at any moment and started again by the same command, a run ends bit-identical to one left alone."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from _children import killed_and_resumed, operations, random_moments, twoplayer
from _toys import assert_same_state, state
from twoplayer.api.run import Run
from twoplayer.core.files import read_json_lines
from twoplayer.runs import checkpoint

COMMON = (
    "--run run --batch-size 8 --filters 4 --tensorboard false --log-every 1 --checkpoint-every 2 --evaluate-every 3"
)
COMMANDS = {
    "gan1 ring": "train gan1 --data ring --data.count 200 --steps 7",
    "wgan-gp ring": "train wgan-gp --data ring --data.count 200 --steps 5 --critic-steps 2",
    "began ring": "train began --data ring --data.count 200 --steps 5",
    "sngan digits": "train sngan --data digits --networks mlp --steps 5 --critic-steps 2",
    "dcgan digits bf16": "train dcgan --data digits --steps 5 --precision bf16",
}


def command(case: str, *more: str) -> list[str]:
    return [*COMMANDS[case].split(), *COMMON.split(), *more]


def lines(folder: Path) -> list[dict[str, Any]]:
    """Progress without what depends on the clock."""
    records = read_json_lines(folder / "run" / "progress.jsonl")
    return [{k: v for k, v in r.items() if k not in ("seconds", "images_per_second")} for r in records]


def figures(folder: Path) -> list[tuple[int, Any]]:
    return [(r["step"], r["metric_values"]) for r in read_json_lines(folder / "run" / "metrics.jsonl")]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The folder of a case's run that was left alone, made once."""
    made: dict[str, Path] = {}

    def folder(case: str) -> Path:
        if case not in made:
            made[case] = tmp_path_factory.mktemp("alone")
            code = twoplayer(command(case), made[case])
            assert code == 0, (made[case] / "printed").read_text()
        return made[case]

    return folder


def assert_same_run(folder: Path, other: Path) -> None:
    assert_same_state(state(folder / "run"), state(other / "run"))
    assert lines(folder) == lines(other)
    assert [r["step"] for r in lines(folder)] == list(range(1, len(lines(folder)) + 1))
    assert Run(folder / "run").status["state"] == "finished"
    mine, others = figures(folder), figures(other)
    assert mine[-1] == others[-1] and len(dict(mine)) == len(mine)


@pytest.mark.parametrize(("case", "seed"), [(case, seed) for case in COMMANDS for seed in (1, 2)])
def test_kills_at_random_moments_leave_no_trace(case: str, seed: int, tmp_path: Path, uninterrupted: Any) -> None:
    alone = uninterrupted(case)
    total, moments = operations(alone), random_moments(f"{case} {seed}", 4)
    assert total > 50
    killed_and_resumed(command(case), tmp_path, moments(total))
    assert_same_run(tmp_path, alone)


MOMENTS = ("weights written", "state written", "renamed", "half pruned")


@pytest.mark.parametrize("moment", MOMENTS)
def test_kills_inside_a_checkpoint_leave_no_trace(moment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The four moments of a save, frozen by an error where the process would die."""
    folder = tmp_path / "checkpoints"
    for step in (1, 2):
        checkpoint.save(folder, step, {"step": step, "weights": torch.ones(3) * step}, keep=2)
    monkeypatch.setattr(checkpoint, *_dies(moment))
    with pytest.raises(_Death):
        checkpoint.save(folder, 3, {"step": 3, "weights": torch.ones(3) * 3}, keep=2)
    monkeypatch.undo()
    newest = checkpoint.latest(folder)
    whole = checkpoint.load(newest)
    assert whole["step"] == (2 if moment in MOMENTS[:2] else 3)
    assert torch.equal(whole["weights"], torch.ones(3) * whole["step"])
    checkpoint.save(folder, 4, {"step": 4, "weights": torch.ones(3) * 4}, keep=2)
    assert [p.name for p in sorted(folder.iterdir())][-1] == "000000004"
    assert len(list(folder.iterdir())) == 2  # nothing half-made stays


class _Death(BaseException):
    """Stands for SIGKILL: nothing after it runs."""


def _dies(moment: str) -> tuple[str, Any]:
    def die(*_: Any, **__: Any) -> None:
        raise _Death

    def after_weights(tensors: Any, path: Path) -> None:
        save_file(tensors, path)
        die()

    class HalfPruning:
        @staticmethod
        def rmtree(path: Path, **_: Any) -> None:
            (path / checkpoint.WEIGHTS).unlink()
            die()

    syncs: list[Path] = []

    def sync(path: Path) -> None:
        syncs.append(path)
        if moment == "renamed" and path.name == "checkpoints":
            die()

    def write(path: Path, value: Any) -> None:
        path.write_text("{}")
        die()

    return {
        "weights written": ("save_file", after_weights),
        "state written": ("write_json", write),
        "renamed": ("sync", sync),
        "half pruned": ("shutil", HalfPruning),
    }[moment]


def test_more_steps_equal_one_long_run(tmp_path: Path, uninterrupted: Any) -> None:
    for steps in ("2", "3", "7"):
        assert twoplayer(command("gan1 ring", "--steps", steps), tmp_path) == 0
        assert Run(tmp_path / "run").status["step"] == int(steps)
    alone = uninterrupted("gan1 ring")
    assert_same_state(state(tmp_path / "run"), state(alone / "run"))
    assert lines(tmp_path) == lines(alone)


def test_a_finished_run_stays_as_it_is(tmp_path: Path) -> None:
    for _ in range(2):
        assert twoplayer(command("gan1 ring"), tmp_path) == 0
        found = lines(tmp_path), figures(tmp_path), state(tmp_path / "run")
    once = twoplayer(command("gan1 ring"), tmp_path), lines(tmp_path), figures(tmp_path)
    assert once == (0, *found[:2])
    assert_same_state(state(tmp_path / "run"), found[2])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_save_and_leave(number: signal.Signals, tmp_path: Path, uninterrupted: Any) -> None:
    assert twoplayer(command("gan1 ring"), tmp_path, signal_at=(number, 3)) == 130
    assert Run(tmp_path / "run").status["state"] == "interrupted"
    assert state(tmp_path / "run")["step"] == 3  # a round that no period names
    assert "the same command goes on from here" in (tmp_path / "printed").read_text()
    assert twoplayer(command("gan1 ring"), tmp_path) == 0
    assert_same_run(tmp_path, uninterrupted("gan1 ring"))
