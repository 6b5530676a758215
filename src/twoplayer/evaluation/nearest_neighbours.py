"""Which samples come nearest to the training data, and what they come near: the pictures behind the figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from twoplayer.core.errors import UserError

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

__all__ = ["NearestTrainingSamples", "closest", "sheet"]

WIDTH = 480  # of a sheet, pixels, as near as whole-number scaling allows: numbers on it are still read on a phone
GAP = 4
APART = 16  # between a sample and its neighbours
LINE = 20  # of numbers beneath the neighbours
LETTERS = 14
SHADE = (64, 64, 64)  # dark enough beside white images, light enough beside black ones
INK = (240, 240, 240)


@dataclass(frozen=True, eq=False)
class NearestTrainingSamples:
    """The samples nearest to the training data, the nearest one first, each with its nearest training samples."""

    samples: np.ndarray
    """Rows of the samples, int64 ``(R,)``."""
    neighbours: np.ndarray
    """Rows of the training data, int64 ``(R, K)``, the nearest first."""
    distances: np.ndarray
    """float64 ``(R, K)``."""
    typical: float
    """Median distance of all samples to their nearest training sample."""


def closest(samples: np.ndarray, train: np.ndarray, *, rows: int = 8, neighbours: int = 5) -> NearestTrainingSamples:
    """Of samples with features ``(N, F)``, the `rows` nearest to training data with features ``(M, F)``.

    Fewer where there are fewer. Raises `UserError` for features that are not finite.
    """
    from twoplayer.metrics._nearest import nearest

    distances = nearest(samples, train, 1).distances[:, 0]
    order = np.argsort(distances, kind="stable")[:rows]
    found = nearest(samples[order], train, min(neighbours, len(train)))
    return NearestTrainingSamples(order, found.indices, found.distances, float(np.median(distances)))


def sheet(samples: np.ndarray, neighbours: np.ndarray, numbers: np.ndarray) -> Image:
    """A row for each sample: it, then its neighbours, each with its number beneath.

    Images are uint8, ``(R, H, W, C)`` and ``(R, K, H, W, C)`` with C 1 or 3; numbers ``(R, K)``. Raises `UserError` for
    other shapes.
    """
    from PIL import Image, ImageDraw

    rows, columns, height, width = neighbours.shape[:4] if neighbours.ndim == 5 else (0, 0, 0, 0)
    if not rows or samples.shape != (rows, *neighbours.shape[2:]) or neighbours.shape[-1] not in (1, 3):
        raise UserError(
            f"a sheet needs images of shape (R, H, W, 1 or 3) and their neighbours of shape (R, K, H, W, 1 or 3), not "
            f"{samples.shape} and {neighbours.shape}"
        )
    scale = max(1, round(((WIDTH - APART) / (columns + 1) - GAP) / width))
    across, down = scale * width + GAP, scale * height + LINE
    canvas = np.full((rows * down, columns * across + across + APART - GAP, 3), SHADE, np.uint8)
    for row, images in enumerate(np.concatenate([samples[:, None], neighbours], 1)):
        for column, image in enumerate(images):
            left = column * across + (APART if column else 0)
            canvas[row * down : row * down + scale * height, left : left + scale * width] = _enlarged(image, scale)
    picture = Image.fromarray(canvas)
    draw = ImageDraw.Draw(picture)
    for (row, column), number in np.ndenumerate(numbers):
        middle = (column + 1) * across + APART + scale * width / 2
        _write(draw, f"{number:.2f}", middle, row * down + scale * height)
    return picture


def _enlarged(image: np.ndarray, scale: int) -> np.ndarray:
    return image.repeat(scale, axis=0).repeat(scale, axis=1)  # one channel spreads over three


def _write(draw: ImageDraw, text: str, middle: float, top: float) -> None:
    from PIL import ImageFont

    font = ImageFont.load_default(LETTERS)
    draw.text((middle - draw.textlength(text, font) / 2, top + 1), text, INK, font)
