"""Fitted encoders in the cache, so that what takes minutes is learned once."""

from __future__ import annotations

from pathlib import Path

import torch

from twoplayer.cache import Kept, keep, recall
from twoplayer.texts._base import State

__all__ = ["recalled", "remember"]


def recalled(folder: Path, key: str) -> State | None:
    """What `remember` put there under that key; None where nothing whole lies there."""
    kept = recall(folder, key)
    if kept is None:
        return None
    return State({name: torch.from_numpy(array) for name, array in kept.arrays.items()}, kept.facts["state"])


def remember(folder: Path, key: str, state: State, what: str) -> None:
    """Put a fitted encoder there, called `what` in the warning where the folder cannot be written."""
    arrays = {name: tensor.numpy() for name, tensor in state.tensors.items()}
    keep(folder, key, Kept(arrays, {"state": state.facts}), what)
