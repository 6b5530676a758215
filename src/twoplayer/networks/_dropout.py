"""Dropout whose masks over several processes are those of one process."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from twoplayer.core import distributed

__all__ = ["Dropout"]


@final
class Dropout(nn.Module):
    """`torch.nn.Dropout`, identical to the bit in one process.

    In training with several processes, whose global generators have the same seed, each process draws the mask of the
    whole batch and takes its own rows; with `torch.nn.Dropout` all processes would drop the same units.

    Args:
        probability: The probability that a value is set to 0.
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, x: Tensor) -> Tensor:
        count = distributed.process_count()
        if not self.training or count == 1:
            return F.dropout(x, self.probability, self.training)
        whole = x.detach().new_ones((len(x) * count, *x.shape[1:]))
        if x.ndim == 4 and not x.is_contiguous():  # numbers are drawn in the order in which values lie
            whole = whole.contiguous(memory_format=torch.channels_last)
        mask = F.dropout(whole, self.probability, True)
        return x * mask.chunk(count)[distributed.process_index()]
