"""Batch normalization as it was for one batch, for any sample: its statistics frozen, forward and backward."""

from __future__ import annotations

from typing import Any, final

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm

from twoplayer.core import distributed

__all__ = ["FrozenNorm", "freeze_norms"]


@final
class FrozenNorm(nn.Module):
    """Stands for a batch normalization in train mode; all it knows of other samples are four numbers per channel.

    Those are the mean and variance of what comes in, and the two means that the gradient is corrected by on its way
    back, of dy and of dy·x̂ (Ioffe & Szegedy 2015, section 3). With `recording` they are taken from the batch at hand,
    the whole batch of all processes, and left in the buffers; else from the buffers. What the gradient of a critic in
    train mode was for a batch, it then is for each sample alone. Weight and bias get no gradients.
    """

    def __init__(self, norm: _BatchNorm) -> None:
        super().__init__()
        self.eps, self.recording = norm.eps, False
        self.weight, self.bias = norm.weight, norm.bias
        for name in ("running_mean", "running_var", "slope_mean", "slope_dot"):
            self.register_buffer(name, torch.zeros_like(norm.weight))

    def forward(self, x: Tensor) -> Tensor:
        buffers = dict(self.named_buffers())
        frozen: Tensor = _Normalize.apply(  # type: ignore[no-untyped-call]
            x, self.weight, self.bias, buffers, self.eps, self.recording
        )
        return frozen


def freeze_norms(module: nn.Module) -> nn.Module:
    """The module with a `FrozenNorm` in place of each batch normalization."""
    for name, part in module.named_children():
        if isinstance(part, _BatchNorm):
            setattr(module, name, FrozenNorm(part))
        else:
            freeze_norms(part)
    return module


class _Normalize(torch.autograd.Function):
    """y = (x − μ)/σ · w + b, and dx = w/σ · (dy − mean(dy) − x̂ mean(dy x̂))."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, buffers: dict[str, Tensor], eps: float, recording: bool
    ) -> Tensor:
        mean, variance = buffers["running_mean"], buffers["running_var"]
        if recording:
            mean.copy_(_over_batch(x))
            variance.copy_(_over_batch((x - _per_channel(mean, x)).square()))
        ctx.save_for_backward(x, mean.clone(), (variance + eps).rsqrt(), weight)
        ctx.buffers, ctx.recording = buffers, recording
        return F.batch_norm(x, mean, variance, weight, bias, training=False, eps=eps)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        x, mean, scale, weight = ctx.saved_tensors
        slope_mean, slope_dot = ctx.buffers["slope_mean"], ctx.buffers["slope_dot"]
        if ctx.recording:
            slope_mean.copy_(_over_batch(dy))
            slope_dot.copy_(_over_batch((x - _per_channel(mean, x)) * dy) * scale)
        # Affine in dy and x, so that two passes over them do; batch normalization's are the fast ones.
        slope, curve = weight * scale, -weight * scale.square() * slope_dot
        offset = -slope * slope_mean - curve * mean
        dx = _affine(dy, slope, torch.zeros_like(slope)).add_(_affine(x.to(dy.dtype), curve, offset))
        return dx, None, None, None, None, None


def _affine(x: Tensor, slope: Tensor, offset: Tensor) -> Tensor:
    """Each channel times its slope, plus its offset."""
    zeros = torch.zeros_like(slope)
    return F.batch_norm(x, zeros, torch.ones_like(zeros), slope, offset, training=False, eps=0.0)


def _over_batch(x: Tensor) -> Tensor:
    """The mean per channel over samples, positions and processes."""
    return distributed.mean(x.float().mean([0, *range(2, x.dim())]))


def _per_channel(statistic: Tensor, like: Tensor) -> Tensor:
    return statistic.view(1, -1, *[1] * (like.dim() - 2))
