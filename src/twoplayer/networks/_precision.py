"""Protection from autocast for critic outputs and for points, whose digits bfloat16 would lose."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["ExactLinear", "widen"]


def widen(x: Tensor) -> Tensor:
    """`x` in float32 at least: half precision widened, float64 kept."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


class ExactLinear(nn.Module):
    """A linear layer ``(B, inputs)`` to ``(B, outputs)`` in float32 at least, whatever autocast says.

    bfloat16 has 8 bits: a Wasserstein critic's output of 100 would move in steps of 0.5, and a point at
    distance 2 from the origin in steps of 0.016.
    """

    def __init__(self, inputs: int, outputs: int, bias: bool = True) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, outputs, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        bias = None if self.linear.bias is None else widen(self.linear.bias)
        with torch.autocast(x.device.type, enabled=False):
            return F.linear(widen(x), widen(self.linear.weight), bias)
