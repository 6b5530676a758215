"""Coordinates in units of the training points' standard deviations, around their mean."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, Literal, final

import numpy as np

from twoplayer.core.errors import UserError
from twoplayer.extractors._base import DEFAULT_CONTEXT, Array, Extractor, ExtractorContext, ExtractorData, Features
from twoplayer.extractors._float64 import Float64Extractor

if TYPE_CHECKING:
    import torch
    from torch import Tensor

__all__ = ["PointCoordinates"]


@final
class PointCoordinates(Extractor, Float64Extractor):
    """Standardized coordinates: (x - mean) / deviation, with mean and deviation of the training points.

    A column that is constant in the training points is centred only.

    Args:
        data: the real data set, whose mean and standard deviation are used.
        context: not used.

    Raises:
        UserError: without a data set.
    """

    kind: ClassVar[Literal["points"]] = "points"
    cheap: ClassVar[bool] = True
    label = "points"

    def __init__(self, data: ExtractorData | None = None, context: ExtractorContext = DEFAULT_CONTEXT) -> None:
        if data is None:
            raise UserError(
                "the extractor points needs real points, whose mean and deviation it uses: give a reference"
            )
        train = np.asarray(data.train, np.float64)
        self.mean, deviation = train.mean(0), train.std(0)
        # A constant column's deviation is rounding, not exactly 0.
        self.deviation = np.where(deviation > 1e-12 * np.abs(self.mean), deviation, 1.0)
        self.dimension: int = len(self.mean)
        weights = np.stack([self.mean, self.deviation]).tobytes()
        self.identity = f"points-{hashlib.blake2b(weights, digest_size=8).hexdigest()}"

    def batch_size(self, shape: tuple[int, ...]) -> int:
        if shape != (self.dimension,):
            raise UserError(f"points of {shape[0]} coordinates cannot be compared with points of {self.dimension}")
        return max(1, 2**20 // self.dimension)

    def extract_batch(self, batch: Array) -> Features:
        return Features(((batch.astype(np.float64) - self.mean) / self.deviation).astype(np.float32))

    def in_float64(self, device: torch.device) -> Callable[[Tensor], Tensor]:
        import torch

        mean, deviation = (torch.from_numpy(x).to(device) for x in (self.mean, self.deviation))
        return lambda points: (points - mean) / deviation
