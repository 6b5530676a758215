"""Latents in, samples out: the one way in which generators are sampled, in training and after it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from twoplayer.algorithms._refined import Refined
from twoplayer.data._base import point_type
from twoplayer.errors import UserError
from twoplayer.rng import torch_generator

__all__ = ["Form", "draw", "latents", "refined", "to_stored"]

CHUNK = 500
"""Samples per pass; the result does not depend on it beyond the rounding of the network's kernels."""


@dataclass(frozen=True)
class Form:
    """How the data are stored: images as uint8, points in the user's own units."""

    kind: str
    centre: np.ndarray | None = None
    scale: np.ndarray | None = None

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Form:
        """The form that a run's ``data.json`` describes."""
        arrays = (None if data.get(k) is None else np.asarray(data[k], np.float64) for k in ("centre", "scale"))
        return cls(data["kind"], *arrays)


def latents(count: int, dimension: int, prior: str, seed: int, purpose: str) -> Tensor:
    """`count` latents ``(count, dimension)``, the same on every device."""
    random = torch_generator(seed, f"latents for {purpose}")
    if prior == "normal":
        return torch.randn(count, dimension, generator=random)
    return torch.rand(count, dimension, generator=random) * 2 - 1


@contextmanager
def refined(generator: nn.Module, levels: int | None) -> Iterator[nn.Module]:
    """The generator with only the first `levels` of its functional gradient steps; None leaves it as it is.

    Raises `UserError` where it has no such steps, or fewer.
    """
    if levels is None:
        yield generator
        return
    if not isinstance(generator, Refined):
        raise UserError(
            "this run's generator takes no functional gradient steps: leave refine out, it is for cfg, icfg and xicfg"
        )
    most = int(generator.steps.taken)
    if not 0 <= levels <= most:
        raise UserError(f"refine must be from 0 to {most}, the steps that this run's generator has, not {levels}")
    generator.refine = levels
    try:
        yield generator
    finally:
        generator.refine = None


@torch.no_grad()
def draw(generator: nn.Module, z: Tensor, stored: Form, placement: Any) -> np.ndarray:
    """The generator's samples in the data set's own form, in chunks, in the run's precision."""
    chunks = []
    for chunk in torch.split(z, CHUNK):
        with placement.accelerator.autocast():
            chunks.append(to_stored(generator(chunk.to(placement.device)), stored))
    return np.concatenate(chunks)


def to_stored(samples: Tensor, stored: Form) -> np.ndarray:
    """Networks' samples as the data set stores its own: uint8 ``(N, H, W, C)``, or points in the user's units."""
    if stored.kind == "images":
        scaled = samples.float().add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8)
        return np.asarray(scaled.permute(0, 2, 3, 1).contiguous().cpu().numpy())
    points = np.asarray(samples.float().cpu().numpy())
    if stored.centre is None or stored.scale is None:
        return points
    return np.asarray(points * stored.scale + stored.centre, point_type(stored.centre, stored.scale))
