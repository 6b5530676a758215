"""Extractors that also compute in float64, from samples that are not rounded to pixels."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import Tensor

__all__ = ["Float64Extractor"]


class Float64Extractor(ABC):
    """The capability of an extractor to compute its features in float64, which path lengths need."""

    @abstractmethod
    def in_float64(self, device: torch.device) -> Callable[[Tensor], Tensor]:
        """A function that maps float64 samples on `device` to features ``(B, F)``.

        Samples are images ``(B, C, H, W)`` in [0, 255] that need not be whole numbers, or points ``(B, D)``.
        """
