"""The root of the prior family."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor

__all__ = ["Prior"]


class Prior(ABC):
    """The distribution that a generator's latents are drawn from; coordinates are independent."""

    bounded: ClassVar[bool] = False
    """Whether every coordinate lies in [−1, 1]; an encoder then ends in tanh."""
    spherical: ClassVar[bool] = False
    """Whether it is invariant under rotations, so that paths between latents are great circles (slerp)."""
    standard_normal: ClassVar[bool] = False
    """Whether it is N(0, I), which closed forms of the KL divergence assume."""
    notation: ClassVar[str]
    """The distribution of a coordinate, such as ``N(0, 1)``."""
    draw_in_torch: ClassVar[str]
    """A Python expression for latents ``(N, {dim})``, with ``{dim}`` to be filled in."""

    @abstractmethod
    def sample(self, count: int, dimension: int, random: torch.Generator) -> Tensor:
        """Draw latents, float32.

        Args:
            count: number of latents.
            dimension: coordinates of each.
            random: source of the random numbers, on the CPU.

        Returns:
            A tensor ``(count, dimension)`` on the CPU.
        """

    @abstractmethod
    def batch_rows(self, shape: tuple[int, ...], random: torch.Generator) -> Tensor:
        """Draw this process's rows of a batch, the same whatever the number of processes.

        Args:
            shape: ``(rows on this process, ...)``.
            random: a generator that is in the same state on all processes.

        Returns:
            A tensor of that shape on the generator's device.
        """
