"""Fitted encoders in the cache, so that what takes minutes is learned once."""

from __future__ import annotations

from pathlib import Path

import torch

from twoplayer.core.cache import CacheEntry, keep, recall
from twoplayer.text_encoders._base import EncoderState

__all__ = ["load_cached", "save_cached"]


def load_cached(folder: Path, key: str) -> EncoderState | None:
    """What `remember` put there under that key; None where nothing whole lies there."""
    kept = recall(folder, key)
    if kept is None:
        return None
    return EncoderState({name: torch.from_numpy(array) for name, array in kept.arrays.items()}, kept.facts["state"])


def save_cached(folder: Path, key: str, state: EncoderState, what: str) -> None:
    """Put a fitted encoder there, called `what` in the warning where the folder cannot be written."""
    arrays = {name: tensor.numpy() for name, tensor in state.tensors.items()}
    keep(folder, key, CacheEntry(arrays, {"state": state.facts}), what)
