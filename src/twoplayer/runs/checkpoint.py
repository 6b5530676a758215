"""Checkpoints: tensors as safetensors, the rest as JSON, so that loading one never runs code.

A checkpoint is a folder, made under another name and renamed when it is whole and on disk.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from twoplayer.core.errors import UserError
from twoplayer.core.files import sync, write_json
from twoplayer.runs.run_dir import FORMAT

__all__ = ["at", "latest", "load", "pack", "save", "unpack"]

WEIGHTS, STATE = "weights.safetensors", "state.json"
RENAMED_KEYS = {
    "drawn": "batches_drawn",
    "read": "batches_read",
    "seen": "critic_batches",
    "owed": "judgement_due",
    "game": "problem",
    "average": "ema",
    "average_updates": "ema_updates",
}
"""Keys of a state as release 0.1 wrote them, and their names now; those of ``algorithm`` below."""
RENAMED_ALGORITHM_KEYS = {"memories": "extra_state", "reason": "end_reason", "chosen": "chosen_settings"}


def save(folder: Path, step: int, state: Mapping[str, Any], keep: int, spared: Collection[int] = ()) -> Path:
    """Write `state`, a tree of dicts, lists, tensors and plain values, as ``folder/STEP``; drop all but `keep`.

    The checkpoints of the rounds `spared` are kept besides.

    A checkpoint of that round that is there already stays: the same round has the same state, and replacing it
    would leave a moment without either.

    Raises `UserError` where the disk is full; earlier checkpoints stay.
    """
    target = at(folder, step)
    if target.exists():
        return target
    for left_over in folder.glob(".*.partial"):
        shutil.rmtree(left_over)
    partial = folder / f".{target.name}.partial"
    tree, tensors = pack(state)
    try:
        partial.mkdir(parents=True)
        save_file(tensors, partial / WEIGHTS)
        sync(partial / WEIGHTS)
        weights = {"bytes": (partial / WEIGHTS).stat().st_size, "sha256": _digest(partial / WEIGHTS)}
        write_json(partial / STATE, {"format": FORMAT, "step": step, "weights": weights, "state": tree})
    except (OSError, SafetensorError) as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise UserError(
            f"the checkpoint at round {step} could not be written to {folder} ({error}): free some space and run the "
            "same command again, it goes on from the last checkpoint"
        ) from error
    partial.rename(target)
    sync(folder)
    for old in _all(folder)[:-keep]:
        if int(old.name) not in spared:
            shutil.rmtree(old)
    return target


def at(folder: Path, step: int) -> Path:
    """Where the checkpoint of that round lies, if there is one."""
    return folder / f"{step:09d}"


def latest(folder: Path) -> Path | None:
    """The newest checkpoint, whole or damaged, or None."""
    return next(iter(reversed(_all(folder))), None)


def load(path: Path, device: torch.device | str = "cpu") -> dict[str, Any]:
    """The state that `save` was given. Raises `UserError` for one that is damaged or from a newer version."""
    earlier = [p for p in _all(path.parent) if p < path]
    go_on = (
        f"remove it to go on from round {int(earlier[-1].name)}" if earlier else "train anew in another --run folder"
    )
    try:
        head = json.loads((path / STATE).read_text())
        if head["format"] > FORMAT:
            raise UserError(
                f"{path} was written by a newer twoplayer (format {head['format']}, this one reads {FORMAT}): "
                "update twoplayer"
            )
        size = (path / WEIGHTS).stat().st_size
        if size != head["weights"]["bytes"] or _digest(path / WEIGHTS) != head["weights"]["sha256"]:
            raise UserError(
                f"the checkpoint {path} is damaged ({size} bytes of {head['weights']['bytes']}, or changed "
                f"since it was written): {go_on}"
            )
        tensors = load_file(path / WEIGHTS, device=str(device))
        return _with_current_names(unpack(head["state"], tensors))
    except (OSError, KeyError, TypeError, json.JSONDecodeError, UnicodeDecodeError, SafetensorError) as error:
        raise UserError(f"the checkpoint {path} is damaged ({type(error).__name__}): {go_on}") from error


def _with_current_names(state: dict[str, Any]) -> dict[str, Any]:
    """A state with the names of today, whichever release wrote it."""
    state = {RENAMED_KEYS.get(key, key): value for key, value in state.items()}
    if "batches_read" in state:
        state.setdefault("critic_batches", state["batches_read"])  # the first releases counted both alike
    if isinstance(state.get("algorithm"), dict):
        state["algorithm"] = {RENAMED_ALGORITHM_KEYS.get(key, key): v for key, v in state["algorithm"].items()}
    return state


def pack(state: Mapping[str, Any]) -> tuple[Any, dict[str, Tensor]]:
    """A state as plain values with keys where its tensors were, and those tensors on the CPU by key.

    A tensor that lies in the state twice, at the same place in memory, is kept once.
    """
    tensors: dict[str, Tensor] = {}
    return _take_tensors(state, "", tensors, {}), tensors


def unpack(tree: Any, tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    """The state that `pack` was given."""
    return _put_tensors(tree, tensors)  # type: ignore[no-any-return]


def _take_tensors(value: Any, path: str, tensors: dict[str, Tensor], keys: dict[Any, str]) -> Any:
    """`value` with every tensor moved into `tensors` and its key left in its place; `keys` by place in memory."""
    if isinstance(value, Tensor):
        place = (value.data_ptr(), value.dtype, value.shape, value.stride()) if value.numel() else path
        key = keys.setdefault(place, path)
        if key == path:
            tensors[path] = value.detach().cpu().contiguous().clone()
        return {"$tensor": key}
    if isinstance(value, Mapping):
        items = [(k, v, f"{path}.{k}" if path else str(k)) for k, v in value.items()]
        return {"$items": [[k, _take_tensors(v, where, tensors, keys)] for k, v, where in items]}
    if isinstance(value, list | tuple):
        return [_take_tensors(v, f"{path}.{i}", tensors, keys) for i, v in enumerate(value)]
    return value


def _put_tensors(value: Any, tensors: Mapping[str, Tensor]) -> Any:
    if isinstance(value, dict):
        if "$tensor" in value:
            return tensors[value["$tensor"]]
        return {k: _put_tensors(v, tensors) for k, v in value["$items"]}
    if isinstance(value, list):
        return [_put_tensors(v, tensors) for v in value]
    return value


def _all(folder: Path) -> list[Path]:
    return sorted(p for p in folder.glob("[0-9]*") if p.is_dir())


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()
