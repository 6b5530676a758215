"""Hashes that identify extractors and data sets."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from twoplayer.extractors._base import ExtractorData

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["of_data", "of_weights"]


def of_data(data: ExtractorData) -> str:
    """Hash of the data set's key and shapes, or of its content where it has no key."""
    digest = hashlib.blake2b(f"{data.key}/{data.train.shape}/{data.held_out.shape}".encode(), digest_size=8)
    if not data.key:
        for array in (data.train, data.train_labels, data.held_out, data.held_out_labels):
            digest.update(b"" if array is None else np.ascontiguousarray(array).data)
    return digest.hexdigest()


def of_weights(recipe: str, weights: Mapping[str, Tensor]) -> str:
    """Hash of the weights and of `recipe`, a name for the computation that uses them."""
    digest = hashlib.blake2b(recipe.encode(), digest_size=8)
    for name, tensor in sorted(weights.items()):
        array = np.ascontiguousarray(tensor.detach().cpu().numpy())
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(array.data)
    return digest.hexdigest()
