"""Extractors whose features change evenly with the samples: in float64, of samples that are not rounded to pixels."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import Tensor

__all__ = ["Exact"]


class Exact(ABC):
    """An extractor that gives the same features in float64."""

    @abstractmethod
    def exact(self, device: torch.device) -> Callable[[Tensor], Tensor]:
        """From float64 samples on `device`, images ``(B, C, H, W)`` in [0, 255] or points ``(B, D)``, to ``(B, F)``."""
