"""Arithmetic that losses share: at least float32, means over rows or by weights, no overflow at large outputs."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import softplus

from twoplayer.core.errors import UserError

__all__ = ["average", "log_one_minus_exp", "log_softplus", "precise", "softplus_inverse", "tame_exp"]

SMALL = 1e-5
"""Below this log(1 − e^(−x)) = log x − x/2 is exact to x²/24 < 5e-12."""


def precise(x: Tensor) -> Tensor:
    """Critic outputs ``(N,)`` in float32, or in float64 if they are: a loss in bfloat16 would have three digits.

    Raises `UserError` for another shape, which would be broadcast and averaged into something else.
    """
    if x.dim() != 1:
        raise UserError(f"critic outputs have one dimension, (N,), not the shape {tuple(x.shape)}: flatten them first")
    return x.to(torch.promote_types(x.dtype, torch.float32))


def average(terms: Tensor, weights: Tensor | None = None) -> Tensor:
    """The mean over the last dimension, or the sum weighted by probabilities `weights` that sum to one."""
    # A product, not terms @ weights, which autocast would take in bfloat16.
    return terms.mean(-1) if weights is None else (terms * weights.to(terms)).sum(-1)


def tame_exp(x: Tensor) -> Tensor:
    """e^x, continued by its tangent where it comes within e^16 of overflow: finite, with finite gradients.

    Float32 departs from e^x above 72.7 and float64 above 693.
    """
    top = math.log(torch.finfo(x.dtype).max) - 16
    below = x.clamp(max=top)
    return below.exp() * (1 + x - below)


def log_softplus(x: Tensor) -> Tensor:
    """log log(1 + e^x), which is x itself where e^x underflows."""
    low = math.log(SMALL)
    return torch.where(x < low, x - x.clamp(max=low).exp() / 2, softplus(x.clamp(min=low)).log())


def log_one_minus_exp(log_x: Tensor) -> Tensor:
    """log(1 − e^(−x)) of x > 0, given log x."""
    x = tame_exp(log_x)
    return torch.where(x < SMALL, log_x - x / 2, (-torch.expm1(-x.clamp(min=SMALL))).log())


def softplus_inverse(log_x: Tensor) -> Tensor:
    """The v with softplus(v) = x > 0, given log x: log(e^x − 1)."""
    return tame_exp(log_x) + log_one_minus_exp(log_x)
