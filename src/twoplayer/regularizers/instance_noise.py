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
    """x + σ_t ε, ε ~ N(0, I), with σ_t falling linearly from `std` to 0 over `fade_steps` rounds (0: never)."""

    def __init__(self, *, std: NonNegative = 0.1, fade_steps: NonNegativeCount = 10_000) -> None:
        if std < 0 or fade_steps < 0:
            raise UserError("instance noise needs a std and fade_steps of at least 0")
        self.std, self.fade_steps = std, fade_steps

    def perturb(self, samples: Tensor, random: torch.Generator, rounds: int, parts: list[int] | None = None) -> Tensor:
        std = self.at(rounds)
        if std == 0:
            return samples
        return samples + std * normal_rows(tuple(samples.shape), random).to(samples)

    def at(self, rounds: int) -> float:
        """σ after so many rounds."""
        return self.std * max(0.0, 1 - rounds / self.fade_steps) if self.fade_steps else self.std
