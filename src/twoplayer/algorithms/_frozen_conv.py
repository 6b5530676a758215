"""A critic's first convolution with a faster slope: its input gradient as a plain convolution of stride 1."""

from __future__ import annotations

from typing import Any, final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["FrozenConv", "freeze_convolutions"]

FEW = 4
"""Input channels up to which it pays; with more, the transposed convolution is fast."""


@final
class FrozenConv(nn.Module):
    """Stands for a 4x4 convolution of stride 2 and padding 1 on few channels; weight and bias get no gradients.

    The transposed convolution that its input gradient is takes CPUs longest of all layers for few channels. Each of
    the 2x2 pixels that an output stands over is reached by 2x2 of the 4x4 weights, all within a 3x3 neighbourhood of
    outputs: a 3x3 convolution to 4 times the channels, then a pixel shuffle, gives the same sums.
    """

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.weight, self.bias = conv.weight, conv.bias

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = _Convolve.apply(x, self.weight, self.bias)  # type: ignore[no-untyped-call]
        return y


def freeze_convolutions(module: nn.Module) -> nn.Module:
    """The module with a `FrozenConv` in place of each convolution that one can stand for."""
    for name, part in module.named_children():
        if type(part) is nn.Conv2d and _fits(part):
            setattr(module, name, FrozenConv(part))
        else:
            freeze_convolutions(part)
    return module


def _fits(conv: nn.Conv2d) -> bool:
    geometry = (conv.kernel_size, conv.stride, conv.padding, conv.dilation, conv.groups, conv.padding_mode)
    return conv.in_channels <= FEW and geometry == ((4, 4), (2, 2), (1, 1), (1, 1), 1, "zeros")


class _Convolve(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(weight)
        ctx.dtype, ctx.size = x.dtype, x.shape[2:]
        return F.conv2d(x, weight, bias, stride=2, padding=1)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        (weight,) = ctx.saved_tensors
        weight, odd = weight.to(dy.dtype), [side % 2 for side in ctx.size]
        if any(odd):
            slope = F.conv_transpose2d(dy, weight, stride=2, padding=1, output_padding=odd)
            return slope.to(ctx.dtype), None, None
        phases = F.conv2d(dy, _phases(weight), padding=1)
        return F.pixel_shuffle(phases, 2).to(ctx.dtype), None, None


def _phases(weight: Tensor) -> Tensor:
    """Weights ``(out, in, 4, 4)`` sorted by the pixel of 2x2 that they reach: ``(4·in, out, 3, 3)``."""
    outputs, inputs = weight.shape[:2]
    turned = weight.flip(2, 3)  # every other weight reaches pixels of one parity, from two of three neighbours
    reaching = [F.pad(turned[:, :, a::2, b::2], (b, 1 - b, a, 1 - a)) for a in (0, 1) for b in (0, 1)]
    return torch.stack(reaching, 2).permute(1, 2, 0, 3, 4).reshape(4 * inputs, outputs, 3, 3).contiguous()
