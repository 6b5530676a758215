"""Which sample shapes an architecture serves, and how it divides a picture into resolution levels."""

from __future__ import annotations

import math

from twoplayer.core.errors import UserError

__all__ = ["base_width", "even_share", "halvings", "is_image", "square_image", "value_count"]

SMALLEST, LARGEST = 8, 256


def is_image(shape: tuple[int, ...]) -> bool:
    """Whether `shape` is an image's ``(C, H, W)``, not points' ``(D,)``. Raises `UserError` for others."""
    if len(shape) not in (1, 3) or min(shape) < 1:
        raise UserError(f"networks serve points (features,) and images (channels, height, width), not shape {shape}")
    return len(shape) == 3


def value_count(shape: tuple[int, ...]) -> int:
    """How many values a sample has. Raises `UserError` unless it is an image or a point."""
    is_image(shape)
    return math.prod(shape)


def square_image(shape: tuple[int, ...], architecture: str) -> tuple[int, int]:
    """``(channels, resolution)`` of a square image of 8 to 256 pixels. Raises `UserError` for others."""
    if not is_image(shape):
        raise UserError(
            f"{architecture} serves only images, and these samples are points of {shape[0]} features: use mlp"
        )
    channels, height, width = shape
    if height != width or not SMALLEST <= height <= LARGEST:
        raise UserError(
            f"{architecture} serves square images of {SMALLEST} to {LARGEST} pixels, "
            f"not {height} by {width}: set a resolution in that range or use mlp"
        )
    return channels, height


def base_width(filters: int | None, resolution: int) -> int:
    """`filters`, or what None means: 32 for small images (up to 32 pixels), 64 for larger ones."""
    return filters or (32 if resolution <= 32 else 64)


def halvings(resolution: int, coarsest: int = 7) -> list[int]:
    """Sizes from `resolution` down, each half the last (rounded down), until one is at most `coarsest`.

    There is always one halving; for resolutions from 8 the last size is more than half of `coarsest`.

    >>> halvings(28), halvings(50)
    ([28, 14, 7], [50, 25, 12, 6])
    """
    sizes = [resolution, resolution // 2]
    while sizes[-1] > coarsest:
        sizes.append(sizes[-1] // 2)
    return sizes


def even_share(total: int, parts: int) -> list[int]:
    """`total` things dealt to `parts` levels, the later (coarser, cheaper) ones first.

    >>> even_share(7, 3)
    [2, 2, 3]
    """
    return [(total + index) // parts for index in range(parts)]
