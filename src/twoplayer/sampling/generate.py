"""Samples and encodings of networks, in training and after it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from twoplayer.algorithms._refined_generator import RefinedGenerator
from twoplayer.core.errors import UserError
from twoplayer.core.pixels import from_pixels, to_pixels
from twoplayer.data._base import Dataset, point_type
from twoplayer.games._inputs import latents

__all__ = ["SampleFormat", "check_refine", "draw", "latents", "refined", "stream", "to_stored"]

CHUNK = 500
"""Samples per pass; the result does not depend on it beyond the rounding of the network's kernels."""
PIXELS = CHUNK * 64 * 64
"""Pixels per pass, where inputs are images: a translator's maps are as large as they."""


@dataclass(frozen=True)
class SampleFormat:
    """How the data are stored: images as uint8, points in the user's own units."""

    kind: str
    centre: np.ndarray | None = None
    scale: np.ndarray | None = None

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> SampleFormat:
        """The form that a run's ``data.json`` describes."""
        arrays = (None if data.get(k) is None else np.asarray(data[k], np.float64) for k in ("centre", "scale"))
        return cls(data["kind"], *arrays)


def check_refine(generator: nn.Module, levels: int | None) -> None:
    """Raise `UserError` where the generator has no functional gradient steps, or fewer than `levels`; None is all."""
    if levels is None:
        return
    if not isinstance(generator, RefinedGenerator):
        raise UserError(
            "this run's generator takes no functional gradient steps: leave refine out, it is for cfg, icfg and xicfg"
        )
    most = int(generator.steps.taken)
    if not 0 <= levels <= most:
        raise UserError(f"refine must be from 0 to {most}, the steps that this run's generator has, not {levels}")


@contextmanager
def refined(generator: nn.Module, levels: int | None) -> Iterator[nn.Module]:
    """The generator with only the first `levels` of its functional gradient steps; None leaves it as it is.

    Raises `UserError` as `check_refine` does.
    """
    check_refine(generator, levels)
    if levels is None or not isinstance(generator, RefinedGenerator):
        yield generator
        return
    before, generator.refine = generator.refine, levels
    try:
        yield generator
    finally:
        generator.refine = before


def draw(generator: nn.Module, inputs: Tensor, stored: SampleFormat, placement: Any) -> np.ndarray:
    """The generator's samples for `inputs` in the format of the data set, computed in the run's precision."""
    return np.concatenate(list(stream(generator, inputs, stored, placement)))


@torch.no_grad()
def stream(generator: nn.Module, inputs: Tensor, stored: SampleFormat, placement: Any) -> Iterator[np.ndarray]:
    """The samples of `draw`, chunk by chunk."""
    together = CHUNK if inputs.ndim < 4 else max(1, min(CHUNK, PIXELS // inputs.shape[2:].numel()))
    for chunk in torch.split(inputs, together):
        with placement.accelerator.autocast():
            samples = generator(chunk.to(placement.device))
        yield to_stored(samples, stored)


@torch.no_grad()
def encode(
    network: Callable[[Tensor], Tensor], samples: np.ndarray, stored: SampleFormat, placement: Any
) -> np.ndarray:
    """The outputs of a network for samples in the format of the data set, float32 ``(N, F)``."""
    chunks = []
    for start in range(0, len(samples), CHUNK):
        raw = torch.from_numpy(np.ascontiguousarray(samples[start : start + CHUNK])).to(placement.device)
        with placement.accelerator.autocast():
            chunks.append(network(placement.samples(to_network(raw, stored))).float().cpu().numpy())
    return np.concatenate(chunks)


def to_network(raw: Tensor, stored: SampleFormat | Dataset) -> Tensor:
    """Stored samples as networks see them: uint8 ``(B, H, W, C)`` to [−1, 1] ``(B, C, H, W)``, points standardized."""
    if stored.kind == "images":
        return from_pixels(raw.permute(0, 3, 1, 2))
    if stored.centre is None or stored.scale is None:
        return raw.float()
    # In float64, since a centre far from 0 takes float32's digits away.
    centre, scale = (torch.as_tensor(a, dtype=torch.float64, device=raw.device) for a in (stored.centre, stored.scale))
    return ((raw.double() - centre) / scale).float()


def to_stored(samples: Tensor, stored: SampleFormat) -> np.ndarray:
    """Networks' samples as the data set stores its own: uint8 ``(N, H, W, C)``, or points in the user's units."""
    if stored.kind == "images":
        scaled = to_pixels(samples.float()).round().to(torch.uint8)
        return np.asarray(scaled.permute(0, 2, 3, 1).contiguous().cpu().numpy())
    points = np.asarray(samples.float().cpu().numpy())
    if stored.centre is None or stored.scale is None:
        return points
    return np.asarray(points * stored.scale + stored.centre, point_type(stored.centre, stored.scale))
