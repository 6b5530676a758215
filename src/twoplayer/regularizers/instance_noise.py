"""Instance noise: real and generated samples are blurred alike, so that their supports overlap; fades with time.

Source: Sønderby et al. 2016, "Amortised MAP Inference for Image Super-resolution", section 3.3.
"""

from __future__ import annotations

import torch
from torch import Tensor

from twoplayer.core.errors import UserError
from twoplayer.core.ranges import NonNegative, NonNegativeCount
from twoplayer.core.rng import normal_rows
from twoplayer.regularizers._base import Perturbation

__all__ = ["InstanceNoise"]


class InstanceNoise(Perturbation):
    """x + σ_t ε, ε ~ N(0, I), with σ_t falling linearly from `deviation` to 0 over `fade` rounds (0: never)."""

    def __init__(self, *, deviation: NonNegative = 0.1, fade: NonNegativeCount = 10_000) -> None:
        if deviation < 0 or fade < 0:
            raise UserError("instance noise needs a deviation and a fade of at least 0")
        self.deviation, self.fade = deviation, fade

    def perturb(self, samples: Tensor, random: torch.Generator, rounds: int, parts: list[int] | None = None) -> Tensor:
        deviation = self.at(rounds)
        if deviation == 0:
            return samples
        return samples + deviation * normal_rows(tuple(samples.shape), random).to(samples)

    def at(self, rounds: int) -> float:
        """σ after so many rounds."""
        return self.deviation * max(0.0, 1 - rounds / self.fade) if self.fade else self.deviation
