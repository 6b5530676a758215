"""Fitted encoders in the cache folder, so that each is trained once."""

from __future__ import annotations

from pathlib import Path

import torch

from twoplayer.core.cache import CacheEntry, keep, recall
from twoplayer.text_encoders._base import EncoderState

__all__ = ["load_cached", "save_cached"]


def load_cached(folder: Path, key: str) -> EncoderState | None:
    """The encoder that `save_cached` stored under `key`; None where there is none, or a damaged one."""
    entry = recall(folder, key)
    if entry is None:
        return None
    return EncoderState({name: torch.from_numpy(array) for name, array in entry.arrays.items()}, entry.facts["state"])


def save_cached(folder: Path, key: str, state: EncoderState, description: str) -> None:
    """Store a fitted encoder under `key`; where the folder cannot be written, a warning names the `description`."""
    arrays = {name: tensor.numpy() for name, tensor in state.tensors.items()}
    keep(folder, key, CacheEntry(arrays, {"state": state.metadata}), description)
