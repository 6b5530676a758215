"""Dropout that several processes draw as one would."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from twoplayer.core import distributed

__all__ = ["Dropout"]


@final
class Dropout(nn.Module):
    """`torch.nn.Dropout` of a `share` of all values, to the bit in one process.

    While training on several, which all seed torch's global generator alike, each draws the whole batch's mask and
    takes its own rows: with the plain module all processes would drop the same units.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, x: Tensor) -> Tensor:
        count = distributed.process_count()
        if not self.training or count == 1:
            return F.dropout(x, self.share, self.training)
        whole = x.detach().new_ones((len(x) * count, *x.shape[1:]))
        if x.ndim == 4 and not x.is_contiguous():  # numbers are drawn in the order in which values lie
            whole = whole.contiguous(memory_format=torch.channels_last)
        mask = F.dropout(whole, self.share, True)
        return x * mask.chunk(count)[distributed.process_index()]
