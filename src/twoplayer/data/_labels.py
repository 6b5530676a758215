"""Labels as indices into class names."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from twoplayer.core.errors import UserError
from twoplayer.data._types import Array

__all__ = ["UNLABELLED", "Labels", "encode_labels", "labels_from_indices"]


class Labels(NamedTuple):
    """int64 indices ``(N,)``, or None, and the names that they index."""

    indices: Array | None = None
    names: tuple[str, ...] = ()


UNLABELLED = Labels()


def encode_labels(values: Any, count: int, name: str) -> Labels:
    """Labels from whole numbers or strings, one for each of `count` samples; classes in sorted order."""
    values = np.asarray(values)
    if values.shape != (count,):
        shape = "x".join(map(str, values.shape)) or "1"
        raise UserError(f"{name} has {count} samples and labels of shape {shape}: give one label per sample")
    if values.dtype.kind == "f" and np.isfinite(values).all() and (values == np.round(values)).all():
        values = values.astype(np.int64)
    if values.dtype.kind not in "iubUSO":
        raise UserError(f"the labels of {name} must be whole numbers or strings, not {values.dtype}")
    if values.dtype.kind in "SO":
        values = values.astype(str)
    classes, indices = np.unique(values, return_inverse=True)
    return Labels(indices.astype(np.int64), tuple(str(c) for c in classes))


def labels_from_indices(indices: Array, names: tuple[str, ...]) -> Labels:
    """Labels that already are indices; names are filled up with numbers where there are too few."""
    indices = np.asarray(indices, dtype=np.int64)
    top = int(indices.max(initial=-1)) + 1
    return Labels(indices, names + tuple(str(i) for i in range(len(names), top)))
