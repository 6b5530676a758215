"""The sample shapes that an architecture supports, and the division of an image into resolution levels."""

from __future__ import annotations

import math

from twoplayer.core.errors import UserError

__all__ = ["base_width", "is_image", "level_sizes", "spread_evenly", "square_image", "value_count"]

MIN_RESOLUTION, MAX_RESOLUTION = 8, 256


def is_image(shape: tuple[int, ...]) -> bool:
    """Whether `shape` is an image's ``(C, H, W)``, not a point's ``(D,)``. Raises `UserError` for other shapes."""
    if len(shape) not in (1, 3) or min(shape) < 1:
        raise UserError(f"networks serve points (features,) and images (channels, height, width), not shape {shape}")
    return len(shape) == 3


def value_count(shape: tuple[int, ...]) -> int:
    """The number of values of a sample. Raises `UserError` unless it is an image or a point."""
    is_image(shape)
    return math.prod(shape)


def square_image(shape: tuple[int, ...], architecture: str) -> tuple[int, int]:
    """``(channels, resolution)`` of a square image of 8 to 256 pixels. Raises `UserError` for other shapes."""
    if not is_image(shape):
        raise UserError(
            f"{architecture} serves only images, and these samples are points of {shape[0]} features: use mlp"
        )
    channels, height, width = shape
    if height != width or not MIN_RESOLUTION <= height <= MAX_RESOLUTION:
        raise UserError(
            f"{architecture} serves square images of {MIN_RESOLUTION} to {MAX_RESOLUTION} pixels, "
            f"not {height} by {width}: set a resolution in that range or use mlp"
        )
    return channels, height


def base_width(filters: int | None, resolution: int) -> int:
    """`filters`, or the default for None: 32 up to 32 pixels, 64 above."""
    return filters or (32 if resolution <= 32 else 64)


def level_sizes(resolution: int, coarsest: int = 7) -> list[int]:
    """Sides from `resolution` down, each half of the last (rounded down), until one is at most `coarsest`.

    There is always one halving; for resolutions from 8 the last side is more than half of `coarsest`.

    >>> level_sizes(28), level_sizes(50)
    ([28, 14, 7], [50, 25, 12, 6])
    """
    sizes = [resolution, resolution // 2]
    while sizes[-1] > coarsest:
        sizes.append(sizes[-1] // 2)
    return sizes


def spread_evenly(total: int, parts: int) -> list[int]:
    """`total` layers distributed over `parts` levels; later (coarser, cheaper) levels get the remainder.

    >>> spread_evenly(7, 3)
    [2, 2, 3]
    """
    return [(total + index) // parts for index in range(parts)]
