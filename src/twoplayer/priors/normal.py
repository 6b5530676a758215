"""Normal: latents from N(0, I)."""

from __future__ import annotations

from typing import ClassVar, final

import torch
from torch import Tensor

from twoplayer.core.rng import normal_rows
from twoplayer.priors._base import Prior

__all__ = ["Normal"]


@final
class Normal(Prior):
    """Independent standard normal coordinates, the choice of most papers since 2016.

    >>> import torch
    >>> Normal().sample(2, 3, torch.Generator().manual_seed(0)).shape
    torch.Size([2, 3])
    """

    spherical: ClassVar[bool] = True
    standard_normal: ClassVar[bool] = True
    notation: ClassVar[str] = "N(0, 1)"
    draw_in_torch: ClassVar[str] = "torch.randn(N, {dim})"

    def sample(self, count: int, dimension: int, random: torch.Generator) -> Tensor:
        return torch.randn(count, dimension, generator=random)

    def batch_rows(self, shape: tuple[int, ...], random: torch.Generator) -> Tensor:
        return normal_rows(shape, random)
