"""Checkpoints: what goes in comes out, damage is told in a sentence, and nothing in one is ever run."""

from __future__ import annotations

import errno
import json
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

from _toys import tensors
from twoplayer.core.errors import UserError
from twoplayer.runs import checkpoint

STATE: dict[str, Any] = {
    "step": 7,
    "name": "a run",
    "nothing": None,
    "shares": [0.1, True, "x"],
    "weights": {"bias": torch.arange(3.0), "deep": [torch.ones(2, 2, dtype=torch.float64), {"n": torch.tensor(5)}]},
    "optimizer": {"state": {0: {"exp_avg": torch.full((2,), 1 / 3)}, 1: {}}},
    "half": torch.tensor([1.5, -2.0], dtype=torch.bfloat16),
}


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    return checkpoint.save(tmp_path / "checkpoints", 7, STATE, keep=2)


def test_round_trip(saved: Path) -> None:
    found = checkpoint.load(saved)
    assert list(found) == list(STATE) and found["shares"] == STATE["shares"] and found["nothing"] is None
    assert list(found["optimizer"]["state"]) == [0, 1]  # keys keep their types
    mine, others = tensors(found), tensors(STATE)
    assert mine.keys() == others.keys()
    for name, tensor in others.items():
        assert mine[name].dtype == tensor.dtype and torch.equal(mine[name], tensor)
    assert {p.name for p in saved.iterdir()} == {"weights.safetensors", "state.json"}


def test_memory_formats_and_shared_storage(tmp_path: Path) -> None:
    image = torch.randn(2, 3, 4, 5).contiguous(memory_format=torch.channels_last)
    tied = {"image": image, "again": image, "view": image[:1], "transposed": torch.randn(3, 4).T}
    found = checkpoint.load(checkpoint.save(tmp_path, 1, tied, keep=1))
    assert all(torch.equal(found[name], tensor) for name, tensor in tied.items())
    layer = torch.nn.Conv2d(3, 2, 3).to(memory_format=torch.channels_last)
    path = checkpoint.save(tmp_path, 2, {"layer": layer.state_dict()}, keep=1)
    weight = layer.weight.detach().clone()
    with torch.no_grad():
        layer.weight.zero_()
    layer.load_state_dict(checkpoint.load(path)["layer"])
    assert torch.equal(layer.weight, weight) and layer.weight.is_contiguous(memory_format=torch.channels_last)


def test_the_newest_are_kept(tmp_path: Path) -> None:
    assert checkpoint.latest(tmp_path) is None
    for step in (1, 20, 100, 3):
        checkpoint.save(tmp_path, step, {"step": step}, keep=2)
    assert [p.name for p in sorted(tmp_path.iterdir())] == ["000000020", "000000100"]
    newest = checkpoint.latest(tmp_path)
    assert newest is not None and checkpoint.load(newest)["step"] == 100


def test_a_round_is_written_once(saved: Path) -> None:
    before = (saved / checkpoint.STATE).stat().st_mtime_ns
    assert checkpoint.save(saved.parent, 7, {**STATE, "name": "another"}, keep=2) == saved
    assert (saved / checkpoint.STATE).stat().st_mtime_ns == before


def cut_weights(path: Path) -> None:
    weights = path / checkpoint.WEIGHTS
    weights.write_bytes(weights.read_bytes()[: weights.stat().st_size // 2])


def flip_a_bit(path: Path) -> None:
    weights = path / checkpoint.WEIGHTS
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)


def cut_state(path: Path) -> None:
    state = path / checkpoint.STATE
    state.write_text(state.read_text()[:100])


def head(path: Path, **changes: Any) -> None:
    state = path / checkpoint.STATE
    state.write_text(json.dumps({**json.loads(state.read_text()), **changes}))


DAMAGES = {
    "weights cut in half": cut_weights,
    "one bit flipped": flip_a_bit,
    "state cut": cut_state,
    "weights missing": lambda path: (path / checkpoint.WEIGHTS).unlink(),
    "state missing": lambda path: (path / checkpoint.STATE).unlink(),
    "state is a list": lambda path: (path / checkpoint.STATE).write_text("[1]"),
    "state is not text": lambda path: (path / checkpoint.STATE).write_bytes(b"\xff\xfe\x00"),
    "no tree": lambda path: head(path, state={"$items": [["a", {"$tensor": "gone"}]]}),
    "a strange tree": lambda path: head(path, state={"x": 1}),
    "format is text": lambda path: head(path, format="new"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_told_in_one_sentence(saved: Path, damage: str) -> None:
    DAMAGES[damage](saved)
    with pytest.raises(UserError, match=r"000000007 is damaged.*train anew in another folder \(run\)") as complaint:
        checkpoint.load(saved)
    assert "\n" not in str(complaint.value)


def test_a_newer_format_is_refused(saved: Path) -> None:
    head(saved, format=checkpoint.FORMAT + 1)
    with pytest.raises(UserError, match=r"newer twoplayer \(format 2, this one reads 1\)"):
        checkpoint.load(saved)


class Bomb:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return (Path.touch, (Path("exploded"),))


@pytest.mark.parametrize("honest_digest", [True, False])
def test_a_pickle_in_place_of_the_weights_is_never_run(
    saved: Path, honest_digest: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    weights = saved / checkpoint.WEIGHTS
    if honest_digest:
        torch.save({"weights": Bomb()}, weights)
        head(saved, weights={"bytes": weights.stat().st_size, "sha256": checkpoint._digest(weights)})
    else:
        weights.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(UserError, match="damaged"):
        checkpoint.load(saved)
    assert not Path("exploded").exists()
    pickle.loads(pickle.dumps(Bomb()))
    assert Path("exploded").exists()  # the bomb was live


def test_a_full_disk_leaves_the_earlier_checkpoints(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    for function in ("save_file", "write_json"):
        monkeypatch.setattr(checkpoint, function, full)
        with pytest.raises(UserError, match=r"round 8 could not be written.*No space left.*free some space"):
            checkpoint.save(saved.parent, 8, STATE, keep=2)
        monkeypatch.undo()
        assert [p.name for p in saved.parent.iterdir()] == ["000000007"]
    assert checkpoint.load(saved)["step"] == 7


def test_a_damaged_checkpoint_names_the_one_before_it(tmp_path: Path) -> None:
    for step in (3, 7):
        checkpoint.save(tmp_path, step, {"weight": torch.zeros(3)}, keep=2)
    (tmp_path / "000000007" / "weights.safetensors").write_bytes(b"cut")
    with pytest.raises(UserError, match="remove it to go on from round 3"):
        checkpoint.load(tmp_path / "000000007")
