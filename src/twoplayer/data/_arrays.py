"""What an array is, images or points, by its type, shape and range."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from twoplayer.core.errors import UserError
from twoplayer.core.pixels import HALF_RANGE
from twoplayer.data._identity import array_digest, digest
from twoplayer.data._images import Images
from twoplayer.data._labels import UNLABELLED, encode_labels
from twoplayer.data._points import PointTable
from twoplayer.data._reader import ArrayReader
from twoplayer.data._types import Array

__all__ = ["MAX_BYTES_IN_MEMORY", "describe_array", "pixel_conversion"]

MAX_BYTES_IN_MEMORY = 256 * 2**20
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
    encoded = UNLABELLED if labels is None else encode_labels(labels, len(values), name)
    if values.ndim == 2:
        return PointTable(name, values, encoded)
    if values.ndim == 4 and values.shape[3] not in {1, 3}:
        hint = "move the channels last" if values.shape[1] in {1, 3} else "use 1 or 3 channels"
        raise UserError(f"{name} has images of shape {values.shape[1:]}, channels come last: {hint}")
    if 0 in values.shape:
        raise UserError(f"{name} has images without pixels: its shape is {values.shape}")
    reader = ArrayReader(values, encoded, to_uint8=pixel_conversion(values.dtype, *_range(values), name))
    indices, names = encoded
    return Images(
        name=name,
        identity=digest(array_digest(values), None if indices is None else array_digest(indices), names),
        read=lambda: reader,
        in_memory=values.size <= MAX_BYTES_IN_MEMORY,
    )


def pixel_conversion(dtype: np.dtype[Any], low: float, high: float, name: str) -> Callable[[Array], Array]:
    """The function that turns arrays of pixels of one type and value range into uint8.

    Args:
        dtype: type of the pixels: bool, whole numbers or floats.
        low: smallest value in the whole data set.
        high: largest value in the whole data set.
        name: the data set, for messages.

    Returns:
        A function that keeps uint8 as it is, and maps bool from {0, 1}, whole numbers from 0..255, and floats from
        [0, 1], or from [-1, 1] where `low` is negative.

    Raises:
        UserError: values outside these ranges, or NaN.
    """
    if dtype == np.uint8:
        return np.asarray
    if dtype.kind == "b":
        return partial(_affine, scale=255.0, shift=0.0)
    if dtype.kind in "iu":
        if low < 0 or high > 255:
            raise UserError(f"{name} has whole-number pixels in {low:g}..{high:g}: they must lie in 0..255")
        return partial(_affine, scale=1.0, shift=0.0)
    if np.isnan(low) or np.isnan(high):
        raise UserError(f"{name} has pixels that are not numbers (NaN): remove or repair those images")
    if low < -1 or high > 1:
        raise UserError(
            f"{name} has float pixels in {low:g}..{high:g}: scale them to [0, 1] or [-1, 1], or convert them to uint8"
        )
    return partial(_affine, scale=HALF_RANGE, shift=HALF_RANGE) if low < 0 else partial(_affine, scale=255.0, shift=0.0)


def _affine(block: Array, scale: float, shift: float) -> Array:
    return np.asarray(np.rint(block.astype(np.float32) * scale + shift), dtype=np.uint8)


def _range(values: Array) -> tuple[float, float]:
    """The smallest and the largest value; not needed, and not computed, for uint8."""
    if values.dtype == np.uint8:
        return 0.0, 255.0
    # In blocks: comparing a whole memory-mapped array would read it into memory.
    blocks = [values[start : start + 1024] for start in range(0, len(values), 1024)]
    return float(np.min([block.min() for block in blocks])), float(np.max([block.max() for block in blocks]))
