"""Small data sets for the tests of extractors and of measuring."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class Made:
    """A data set as the data family has them."""

    train: Array
    held_out: Array
    train_labels: Array | None = None
    held_out_labels: Array | None = None
    class_names: tuple[str, ...] = ()
    stacked: bool = False
    name: str = "made"
    kind: Literal["images", "points"] = "images"
    key: str = "made"
    density: Any = None


def blobs(count: int, side: int = 12, channels: int = 1, seed: int = 0) -> Array:
    """Images uint8 of smooth blobs of random place and width, with a little noise."""
    random = np.random.default_rng(seed)
    grid = np.stack(np.mgrid[:side, :side], -1) / side
    centres, widths = random.random((count, 1, 1, 2)), random.uniform(0.1, 0.4, (count, 1, 1))
    shapes = np.exp(-(((grid - centres) / widths[..., None]) ** 2).sum(-1))[..., None]
    noise = random.normal(0, 8, (count, side, side, channels))
    return (230 * shapes + noise).clip(0, 255).astype(np.uint8)


def labels(images: Array) -> Array:
    """Whether a blob is wide: a class that can be seen."""
    return (images.mean((1, 2, 3)) > np.median(images.mean((1, 2, 3)))).astype(np.int64)
