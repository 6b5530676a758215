"""The normalizations of every architecture, for feature maps and for plain vectors alike."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from twoplayer.core import distributed
from twoplayer.networks._precision import widen

__all__ = ["NORMALIZATIONS", "BatchNorm", "normalization"]

NORMALIZATIONS = ("batch", "layer", "instance", "none")


class BatchNorm(_BatchNorm):
    """Batch normalization (Ioffe & Szegedy 2015, Algorithm 1) of ``(B, C)`` or ``(B, C, H, W)``.

    In one process this is `torch.nn.BatchNorm1d` or `BatchNorm2d` to the bit. In training with several processes, mean
    and variance are those of the whole batch, differentiable to any order, so that n processes with equal shares of a
    batch compute what one process computes with all of it.
    """

    def forward(self, input: Tensor) -> Tensor:
        if self.training and distributed.process_count() > 1:
            return self._over_processes(input)
        return super().forward(input)

    def _check_input_dim(self, input: Tensor) -> None:
        if input.ndim not in (2, 4):
            raise ValueError(f"expected (B, C) or (B, C, H, W), got {tuple(input.shape)}")

    def _over_processes(self, x: Tensor) -> Tensor:
        self._check_input_dim(x)
        axes = [0, *range(2, x.ndim)]
        mean = distributed.mean(widen(x).mean(axes))
        # Two passes, not E[x²] - E[x]²: that difference loses its digits in float32.
        centred = widen(x) - _per_channel(mean, x)
        variance = distributed.mean(centred.square().mean(axes))
        self._track(mean.detach(), variance.detach(), x.numel() // x.shape[1] * distributed.process_count())
        scale = self.weight * (variance + self.eps).rsqrt()
        return (centred * _per_channel(scale, x) + _per_channel(self.bias, x)).to(x.dtype)

    @torch.no_grad()
    def _track(self, mean: Tensor, variance: Tensor, count: int) -> None:
        assert self.running_mean is not None and self.running_var is not None
        assert self.num_batches_tracked is not None and self.momentum is not None
        self.num_batches_tracked.add_(1)
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), self.momentum)
        unbiased = variance * (count / (count - 1))
        self.running_var.lerp_(unbiased.to(self.running_var.dtype), self.momentum)


def normalization(name: str, channels: int, maps: bool) -> nn.Module:
    """A module that normalizes feature maps or vectors.

    Args:
        name: One of `NORMALIZATIONS`. Layer normalization takes statistics over (C, H, W) and scales per channel.
        channels: C.
        maps: Whether inputs are ``(B, C, H, W)``, else ``(B, C)``. A vector is a single instance, so that its instance
            normalization is its layer normalization.
    """
    match name:
        case "batch":
            return BatchNorm(channels)
        case "instance" if maps:
            # GroupNorm(channels, channels) is the same function and 10 times slower in channels-last bf16.
            return nn.InstanceNorm2d(channels, affine=True)
        case "layer" | "instance":
            return nn.GroupNorm(1, channels)
        case _:
            return nn.Identity()


def _per_channel(statistic: Tensor, like: Tensor) -> Tensor:
    return statistic.view(1, -1, *[1] * (like.ndim - 2))
