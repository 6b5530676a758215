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
    """Stands for a 4x4 or 5x5 convolution of stride 2 that halves, on few channels; no gradients of weight and bias.

    The transposed convolution that its input gradient is takes CPUs longest of all layers for few channels. Each of
    the 2x2 pixels that an output stands over is reached by 2x2 of the 4x4 weights (2 or 3 of 5 to each side), all
    within a 3x3 neighbourhood of outputs: a 3x3 convolution to 4 times the channels, then a pixel shuffle, gives the
    same sums.
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
    halving = any(
        (conv.kernel_size, conv.padding) == ((side, side), (_padding(side), _padding(side))) for side in (4, 5)
    )
    rest = (conv.stride, conv.dilation, conv.groups, conv.padding_mode) == ((2, 2), (1, 1), 1, "zeros")
    return conv.in_channels <= FEW and halving and rest


def _padding(kernel: int) -> int:
    return (kernel - 1) // 2


class _Convolve(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(weight)
        ctx.dtype, ctx.size = x.dtype, x.shape[2:]
        return F.conv2d(x, weight, bias, stride=2, padding=_padding(weight.shape[-1]))

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        (weight,) = ctx.saved_tensors
        weight, kernel = weight.to(dy.dtype), weight.shape[-1]
        if any(side % 2 for side in ctx.size):
            padding = _padding(kernel)
            pairs = zip(ctx.size, dy.shape[2:], strict=True)
            spare = [fine - (2 * (coarse - 1) - 2 * padding + kernel) for fine, coarse in pairs]
            slope = F.conv_transpose2d(dy, weight, stride=2, padding=padding, output_padding=spare)
            return slope.to(ctx.dtype), None, None
        phases = F.conv2d(dy, _phases(weight), padding=1)
        return F.pixel_shuffle(phases, 2).to(ctx.dtype), None, None


def _phases(weight: Tensor) -> Tensor:
    """Weights ``(out, in, k, k)`` sorted by the pixel of 2x2 that they reach: ``(4·in, out, 3, 3)``."""
    outputs, inputs, kernel, _ = weight.shape
    before = 2 - _padding(kernel)
    turned = F.pad(weight, (before, 6 - kernel - before) * 2).flip(2, 3)
    # Every other weight reaches pixels of one parity.
    reaching = [turned[:, :, 1 - a :: 2, 1 - b :: 2] for a in (0, 1) for b in (0, 1)]
    return torch.stack(reaching, 2).permute(1, 2, 0, 3, 4).reshape(4 * inputs, outputs, 3, 3).contiguous()
