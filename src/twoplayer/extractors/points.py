"""Coordinates in units of the training points' standard deviations, around their mean."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, Literal, final

import numpy as np

from twoplayer.core.errors import UserError
from twoplayer.extractors._base import HERE, Array, Extractor, ExtractorContext, ExtractorData, Features
from twoplayer.extractors._exact import Exact

if TYPE_CHECKING:
    import torch
    from torch import Tensor

__all__ = ["PointCoordinates"]


@final
class PointCoordinates(Extractor, Exact):
    """Each column less its mean and divided by its standard deviation, both of the training points.

    A column that is constant there is only centred.
    """

    kind: ClassVar[Literal["points"]] = "points"
    cheap: ClassVar[bool] = True
    label = "points"

    def __init__(self, data: ExtractorData | None = None, where: ExtractorContext = HERE) -> None:
        if data is None:
            raise UserError("points needs the real points, whose mean and deviation it takes: give a reference")
        train = np.asarray(data.train, np.float64)
        self.mean, deviation = train.mean(0), train.std(0)
        # A constant column's deviation is rounding, not exactly 0.
        self.deviation = np.where(deviation > 1e-12 * np.abs(self.mean), deviation, 1.0)
        self.size: int = len(self.mean)
        weights = np.stack([self.mean, self.deviation]).tobytes()
        self.identity = f"points-{hashlib.blake2b(weights, digest_size=8).hexdigest()}"

    def batch(self, shape: tuple[int, ...]) -> int:
        if shape != (self.size,):
            raise UserError(f"points of {shape[0]} coordinates cannot be held against points of {self.size}")
        return max(1, 2**20 // self.size)

    def see(self, batch: Array) -> Features:
        return Features(((batch.astype(np.float64) - self.mean) / self.deviation).astype(np.float32))

    def exact(self, device: torch.device) -> Callable[[Tensor], Tensor]:
        import torch

        mean, deviation = (torch.from_numpy(x).to(device) for x in (self.mean, self.deviation))
        return lambda points: (points - mean) / deviation
