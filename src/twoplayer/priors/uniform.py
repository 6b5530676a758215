"""Uniform: latents from U(−1, 1) in every coordinate.

Source: Radford et al. 2016, "Unsupervised Representation Learning with Deep Convolutional GANs", section 4.
"""

from __future__ import annotations

from typing import ClassVar, final

import torch
from torch import Tensor

from twoplayer.core.rng import uniform_rows
from twoplayer.priors._base import Prior

__all__ = ["UniformPrior"]


@final
class UniformPrior(Prior):
    """Independent coordinates, uniform on [−1, 1], as in the first GANs and in DCGAN.

    >>> import torch
    >>> bool(UniformPrior().sample(100, 3, torch.Generator().manual_seed(0)).abs().max() <= 1)
    True
    """

    bounded: ClassVar[bool] = True
    notation: ClassVar[str] = "U(-1, 1)"
    draw_in_torch: ClassVar[str] = "2 * torch.rand(N, {dim}) - 1"

    def sample(self, count: int, dimension: int, random: torch.Generator) -> Tensor:
        return torch.rand(count, dimension, generator=random) * 2 - 1

    def batch_rows(self, shape: tuple[int, ...], random: torch.Generator) -> Tensor:
        return uniform_rows(shape, random) * 2 - 1
