"""Made-up data for contracts: images of blobs in classes, points, and captions that describe images."""

from __future__ import annotations

from typing import Any

import numpy as np

from twoplayer.data import Dataset

__all__ = ["captioned_images", "image_data", "point_data"]

Array = np.ndarray[Any, Any]
COLOURS = {"red": (220, 30, 30), "green": (30, 200, 30), "blue": (30, 30, 220), "white": (240, 240, 240)}
PLACES = {"left": slice(0, 8), "right": slice(8, 16)}
CLASSES = 3


def image_data(side: int = 16) -> Dataset:
    """90 training images and 40 held-out ones, uint8 ``(N, side, side, 1)``, of three classes."""
    train, held_out = _blobs(90, side, 0), _blobs(40, side, 1)
    names = tuple("abc"[:CLASSES])
    labels = np.arange(90) % CLASSES, np.arange(40) % CLASSES
    return Dataset("blobs", "images", train, held_out, *labels, names, key=f"blobs of side {side}")


def point_data(dimension: int = 2) -> Dataset:
    """200 training points and 50 held-out ones, float32 ``(N, dimension)``."""
    random = np.random.default_rng(0)
    train, held_out = (random.normal(2.0, 0.5, (n, dimension)).astype(np.float32) for n in (200, 50))
    return Dataset("normal points", "points", train, held_out, key=f"normal points of {dimension}")


def captioned_images(count: int, seed: int = 0) -> tuple[Array, list[tuple[str, ...]]]:
    """Images uint8 ``(count, 16, 16, 3)`` with one half in a colour, and two sentences on each that say so."""
    random = np.random.default_rng(seed)
    images = random.integers(0, 40, (count, 16, 16, 3), np.uint8)
    captions: list[tuple[str, ...]] = []
    for image in images:
        colour, place = random.choice(list(COLOURS)), random.choice(list(PLACES))
        image[:, PLACES[place]] += (0.8 * np.array(COLOURS[colour])).astype(np.uint8)
        captions.append((f"A {colour} area on the {place}.", f"{place} side: {colour}"))
    return images, captions


def _blobs(count: int, side: int, seed: int) -> Array:
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:side, :side] / side
    centres, widths = random.uniform(0.2, 0.8, (count, 2, 1, 1)), random.uniform(0.05, 0.3, (count, 1, 1))
    squares = (rows - centres[:, 0]) ** 2 + (columns - centres[:, 1]) ** 2
    images: Array = (255 * np.exp(-squares / (2 * widths**2)))[..., None].astype(np.uint8)
    return images
