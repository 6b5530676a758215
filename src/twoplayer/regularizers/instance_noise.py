"""Instance noise: real and generated samples are blurred alike, so that their supports overlap; fades with time.

Source: Sønderby et al. 2016, "Amortised MAP Inference for Image Super-resolution", section 3.3.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from twoplayer.core.errors import UserError
from twoplayer.core.ranges import NonNegative, NonNegativeCount
from twoplayer.core.rng import normal_rows
from twoplayer.regularizers._base import Perturbation

__all__ = ["InstanceNoise"]


class InstanceNoise(Perturbation):
    """x + σ_t ε, ε ~ N(0, I), for real and generated samples, with σ_t falling linearly to 0.

    Args:
        std: σ at the first step, in units of the networks' inputs, at least 0.
        fade_steps: steps after which σ is 0; 0 keeps it constant.
    """

    schedulable: ClassVar[frozenset[str]] = frozenset({"std"})

    def __init__(self, *, std: NonNegative = 0.1, fade_steps: NonNegativeCount = 10_000) -> None:
        if std < 0 or fade_steps < 0:
            raise UserError("instance noise needs a std and fade_steps of at least 0")
        self.std, self.fade_steps = std, fade_steps

    def perturb(self, samples: Tensor, random: torch.Generator, step: int, parts: list[int] | None = None) -> Tensor:
        std = self.at(step)
        if std == 0:
            return samples
        return samples + std * normal_rows(tuple(samples.shape), random).to(samples)

    def at(self, step: int) -> float:
        """σ after so many steps."""
        return self.std * max(0.0, 1 - step / self.fade_steps) if self.fade_steps else self.std
