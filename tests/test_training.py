"""What a training leaves behind, whatever its end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import twoplayer
from twoplayer.algorithms.alternating import Alternating
from twoplayer.core.files import read_json


def test_the_callers_random_state_is_left_alone(tiny: Any) -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    tiny("gan1", "ring", steps=2)
    assert torch.equal(torch.rand(3), expected)


def test_the_report_is_written_when_training_stops_itself(tiny: Any, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with pytest.raises(twoplayer.Diverged):
        tiny("gan1", "ring", folder, steps=50, optimizer={"name": "sgd", "learning_rate": 1e6})
    page = (folder / "report.html").read_text()
    assert read_json(folder / "status.json")["message"][:20] in page


def test_weights_that_cannot_be_squared_are_not_saved(
    tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, step = tmp_path / "run", Alternating.optimizer_step

    def explode(self: Alternating, player: str, loss: Any) -> Any:
        parts = step(self, player, loss)
        if player == "generator" and self.updates["generator"] == 3:
            next(p for p in self.parameters["generator"] if isinstance(p, nn.Parameter)).data.fill_(1e30)
        return parts

    monkeypatch.setattr(Alternating, "optimizer_step", explode)
    with pytest.raises(twoplayer.Diverged, match="round 3"):
        tiny("gan1", "ring", folder, steps=9, checkpoint_every=1)
    assert sorted(p.name for p in (folder / "checkpoints").iterdir())[-1] == "000000002"
    assert (twoplayer.Run(folder).sample(5).array < 1e6).all()


def test_a_resumed_run_keeps_its_command_and_says_when_it_was_resumed(tiny: Any, tmp_path: Path) -> None:
    first = tiny("gan1", "ring", tmp_path / "run", steps=2).folder.environment()
    again = tiny("gan1", "ring", tmp_path / "run", steps=4).folder.environment()
    assert again["command"] == first["command"] and again["started"] == first["started"]
    assert "resumed" not in first and len(again["resumed"]) == 1


def test_the_command_of_a_run_from_python_trains_it_again(tiny: Any, tmp_path: Path) -> None:
    run = tiny("gan1", "ring", tmp_path / "run", steps=2)
    command = run.folder.environment()["command"].split()
    assert command[:3] == ["twoplayer", "train", "--config"] and Path(command[3]) == run.folder.config_file
    twin = twoplayer.train(config=command[3], run=tmp_path / "twin")
    assert twin.config.differences(run.config) == []
    assert torch.equal(*(torch.from_numpy(r.sample(9).array) for r in (run, twin)))


def test_evaluate_measures_what_training_measured(tiny: Any, tmp_path: Path) -> None:
    run = tiny("gan1", "ring", tmp_path / "run", steps=2)
    assert [f.value for f in run.evaluate().metric_values] == [f["value"] for f in run.metrics[-1]["metric_values"]]
