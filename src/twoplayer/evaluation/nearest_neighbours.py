"""Samples that are nearest to the training data, and pictures of them beside their nearest training samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from twoplayer.core.errors import UserError

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

__all__ = ["NearestTrainingSamples", "nearest_to_training", "neighbour_grid"]

GRID_WIDTH = 480  # pixels, up to whole-number scaling: numbers remain readable on a phone
GAP = 4
SAMPLE_GAP = 16  # between a sample and its neighbours
LINE_HEIGHT = 20  # of numbers beneath the neighbours
FONT_SIZE = 14
BACKGROUND = (64, 64, 64)  # visible beside white and beside black images
TEXT_COLOUR = (240, 240, 240)


@dataclass(frozen=True, eq=False)
class NearestTrainingSamples:
    """The samples nearest to the training data, the nearest first, each with its nearest training samples."""

    samples: np.ndarray
    """Rows of the samples, int64 ``(R,)``."""
    neighbours: np.ndarray
    """Rows of the training data, int64 ``(R, K)``, the nearest first."""
    distances: np.ndarray
    """float64 ``(R, K)``."""
    median_distance: float
    """Median distance of all samples to their nearest training sample."""


def nearest_to_training(
    samples: np.ndarray, train: np.ndarray, *, rows: int = 8, neighbours: int = 5
) -> NearestTrainingSamples:
    """The samples that are nearest to training data.

    Args:
        samples: features ``(N, F)``.
        train: features of training samples ``(M, F)``.
        rows: number of samples to return; all where there are fewer.
        neighbours: number of nearest training samples for each.

    Raises:
        UserError: for features that are not finite.
    """
    from twoplayer.metrics._nearest import nearest

    distances = nearest(samples, train, 1).distances[:, 0]
    order = np.argsort(distances, kind="stable")[:rows]
    near = nearest(samples[order], train, min(neighbours, len(train)))
    return NearestTrainingSamples(order, near.indices, near.distances, float(np.median(distances)))


def neighbour_grid(samples: np.ndarray, neighbours: np.ndarray, numbers: np.ndarray) -> Image:
    """An image grid with a row for each sample: the sample, then its neighbours, each with a number beneath it.

    Args:
        samples: images uint8 ``(R, H, W, C)``, C = 1 or 3.
        neighbours: images uint8 ``(R, K, H, W, C)``.
        numbers: ``(R, K)``.

    Raises:
        UserError: for other shapes.
    """
    from PIL import Image, ImageDraw

    rows, columns, height, width = neighbours.shape[:4] if neighbours.ndim == 5 else (0, 0, 0, 0)
    if not rows or samples.shape != (rows, *neighbours.shape[2:]) or neighbours.shape[-1] not in (1, 3):
        raise UserError(
            f"the grid needs images of shape (R, H, W, 1 or 3) and their neighbours of shape (R, K, H, W, 1 or 3), not "
            f"{samples.shape} and {neighbours.shape}"
        )
    scale = max(1, round(((GRID_WIDTH - SAMPLE_GAP) / (columns + 1) - GAP) / width))
    across, down = scale * width + GAP, scale * height + LINE_HEIGHT
    canvas = np.full((rows * down, columns * across + across + SAMPLE_GAP - GAP, 3), BACKGROUND, np.uint8)
    for row, images in enumerate(np.concatenate([samples[:, None], neighbours], 1)):
        for column, image in enumerate(images):
            left = column * across + (SAMPLE_GAP if column else 0)
            canvas[row * down : row * down + scale * height, left : left + scale * width] = _enlarged(image, scale)
    picture = Image.fromarray(canvas)
    draw = ImageDraw.Draw(picture)
    for (row, column), number in np.ndenumerate(numbers):
        middle = (column + 1) * across + SAMPLE_GAP + scale * width / 2
        _write(draw, f"{number:.2f}", middle, row * down + scale * height)
    return picture


def _enlarged(image: np.ndarray, scale: int) -> np.ndarray:
    return image.repeat(scale, axis=0).repeat(scale, axis=1)  # one channel spreads over three


def _write(draw: ImageDraw, text: str, middle: float, top: float) -> None:
    from PIL import ImageFont

    font = ImageFont.load_default(FONT_SIZE)
    draw.text((middle - draw.textlength(text, font) / 2, top + 1), text, TEXT_COLOUR, font)
