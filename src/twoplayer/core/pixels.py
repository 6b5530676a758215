"""Scaling between pixels, whole numbers from 0 to 255, and the range [-1, 1] of the networks."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import Tensor

__all__ = ["HALF_RANGE", "from_pixels", "to_pixels"]

HALF_RANGE = 127.5
"""Half the range of pixels."""


def from_pixels(pixels: Tensor, dtype: torch.dtype | None = None) -> Tensor:
    """Pixels scaled to [-1, 1].

    Args:
        pixels: uint8, or float in [0, 255], of any shape.
        dtype: of the result; float32 by default.

    >>> import torch
    >>> from_pixels(torch.tensor([0, 255], dtype=torch.uint8))
    tensor([-1.,  1.])
    """
    pixels = pixels.float() if dtype is None else pixels.to(dtype)
    return pixels.div(HALF_RANGE).sub_(1)


def to_pixels(samples: Tensor) -> Tensor:
    """Samples in [-1, 1] scaled to [0, 255] and clamped to it, not rounded.

    >>> import torch
    >>> to_pixels(torch.tensor([-1.0, 0.0, 2.0]))
    tensor([  0.0000, 127.5000, 255.0000])
    """
    return samples.add(1).mul(HALF_RANGE).clamp(0, 255)
