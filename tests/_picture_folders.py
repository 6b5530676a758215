"""Folders of small pictures: two sides of the same, and pictures with captions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

COLOURS = {"red": (220, 30, 30), "green": (30, 200, 30), "blue": (30, 30, 220), "white": (240, 240, 240)}


def two_sides(folder: Path, count: int = 24, side: int = 16) -> Path:
    """``A`` and ``B`` of equal names: noise with a spot, and its negative upside down."""
    for number, image in enumerate(_spots(count, side)):
        for name, pixels in (("A", image), ("B", 255 - image[::-1])):
            (folder / name).mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(folder / name / f"{number:03d}.png")
    return folder


def captioned(folder: Path, count: int = 24, side: int = 16) -> Path:
    """Pictures of one colour with a table that says which."""
    folder.mkdir(parents=True, exist_ok=True)
    random, lines = np.random.default_rng(1), ["file_name,caption"]
    for number in range(count):
        colour = list(COLOURS)[number % 4]
        noise = random.integers(-20, 20, (side, side, 3))
        Image.fromarray((np.array(COLOURS[colour]) + noise).clip(0, 255).astype(np.uint8)).save(
            folder / f"{number:03d}.png"
        )
        lines.append(f"{number:03d}.png,a {colour} picture number {number}")
    (folder / "captions.csv").write_text("\n".join(lines) + "\n")
    return folder


def _spots(count: int, side: int) -> list[np.ndarray]:
    random = np.random.default_rng(0)
    axis = np.arange(side)
    images = []
    for _ in range(count):
        centre, colour = random.uniform(3, side - 3, 2), random.uniform(100, 255, 3)
        spot = np.exp(-((axis[:, None] - centre[0]) ** 2 + (axis - centre[1]) ** 2) / 8)
        images.append((spot[..., None] * colour + random.uniform(0, 20, (side, side, 3))).clip(0, 255).astype(np.uint8))
    return images
