"""What an array is, images or points, by its type, shape and range."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from twoplayer.core.errors import UserError
from twoplayer.data._identity import digest, of_array
from twoplayer.data._images import Images
from twoplayer.data._labels import UNLABELLED, encode
from twoplayer.data._points import PointTable
from twoplayer.data._reader import ArrayReader
from twoplayer.data._types import Array

__all__ = ["describe_array"]

MEMORY_LIMIT = 256 * 2**20
"""Bytes of images above which the memory-mapped cache holds them."""


def describe_array(values: Array, labels: Any, name: str) -> Images | PointTable:
    """Images for 3 or 4 axes, points for 2.

    Images are ``(N, H, W)`` or ``(N, H, W, C)`` with 1 or 3 channels: whole numbers in 0..255, or floats in
    [0, 1], or in [-1, 1] where any is negative. Raises `UserError` for anything else.
    """
    if values.dtype.kind not in "biuf":
        raise UserError(f"{name} must hold numbers, not {values.dtype}")
    if values.ndim not in {2, 3, 4} or not len(values):
        raise UserError(f"{name} has the shape {values.shape}: give images (N, H, W) or (N, H, W, C), or points (N, D)")
    encoded = UNLABELLED if labels is None else encode(labels, len(values), name)
    if values.ndim == 2:
        return PointTable(name, values, encoded)
    if values.ndim == 4 and values.shape[3] not in {1, 3}:
        hint = "move the channels last" if values.shape[1] in {1, 3} else "use 1 or 3 channels"
        raise UserError(f"{name} has images of shape {values.shape[1:]}, channels come last: {hint}")
    if 0 in values.shape:
        raise UserError(f"{name} has images without pixels: its shape is {values.shape}")
    reader = ArrayReader(values, encoded, to_uint8=_conversion(values, name))
    indices, names = encoded
    return Images(
        name=name,
        identity=digest(of_array(values), None if indices is None else of_array(indices), names),
        read=lambda: reader,
        in_memory=values.size <= MEMORY_LIMIT,
    )


def _conversion(values: Array, name: str) -> Any:
    if values.dtype == np.uint8:
        return np.asarray
    low, high = _range(values)
    if values.dtype.kind == "b":
        return partial(_affine, scale=255.0, shift=0.0)
    if values.dtype.kind in "iu":
        if low < 0 or high > 255:
            raise UserError(f"{name} has whole-number pixels in {low:g}..{high:g}: they must lie in 0..255")
        return partial(_affine, scale=1.0, shift=0.0)
    if np.isnan(low) or np.isnan(high):
        raise UserError(f"{name} has pixels that are not numbers (NaN): remove or repair those images")
    if low < -1 or high > 1:
        raise UserError(
            f"{name} has float pixels in {low:g}..{high:g}: scale them to [0, 1] or [-1, 1], or convert them to uint8"
        )
    return partial(_affine, scale=127.5, shift=127.5) if low < 0 else partial(_affine, scale=255.0, shift=0.0)


def _affine(block: Array, scale: float, shift: float) -> Array:
    return np.asarray(np.rint(block.astype(np.float32) * scale + shift), dtype=np.uint8)


def _range(values: Array) -> tuple[float, float]:
    # In blocks: comparing a whole memory-mapped array would read it into memory.
    blocks = [values[start : start + 1024] for start in range(0, len(values), 1024)]
    return float(np.min([block.min() for block in blocks])), float(np.max([block.max() for block in blocks]))
