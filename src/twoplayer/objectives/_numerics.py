"""Arithmetic that losses share: float32 at least, means over rows or by weights, no overflow at large outputs."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import softplus

from twoplayer.core.errors import UserError

__all__ = ["checked_outputs", "log_one_minus_exp", "log_softplus", "safe_exp", "softplus_inverse", "weighted_mean"]

SERIES_LIMIT = 1e-5
"""Below this x, log(1 − e^(−x)) = log x − x/2 with an error of at most x²/24 < 5e-12."""


def checked_outputs(outputs: Tensor) -> Tensor:
    """Critic outputs in float32 at least: a loss in bfloat16 would have three digits.

    Args:
        outputs: Critic outputs, ``(N,)``, of any floating dtype.

    Returns:
        The same values in float32, or in float64 if they are float64.

    Raises:
        UserError: If the shape is not ``(N,)``; it would be broadcast and averaged into something else.
    """
    if outputs.dim() != 1:
        raise UserError(
            f"critic outputs have one dimension, (N,), not the shape {tuple(outputs.shape)}: flatten them first"
        )
    return outputs.to(torch.promote_types(outputs.dtype, torch.float32))


def weighted_mean(terms: Tensor, weights: Tensor | None = None) -> Tensor:
    """The mean over the last dimension, or the sum weighted by probabilities `weights` that sum to one."""
    # A product, not terms @ weights, which autocast would take in bfloat16.
    return terms.mean(-1) if weights is None else (terms * weights.to(terms)).sum(-1)


def safe_exp(x: Tensor) -> Tensor:
    """e^x, continued by its tangent where it comes within e^16 of overflow: finite, with finite gradients.

    Float32 departs from e^x above 72.7 and float64 above 693.
    """
    limit = math.log(torch.finfo(x.dtype).max) - 16
    clamped = x.clamp(max=limit)
    return clamped.exp() * (1 + x - clamped)


def log_softplus(x: Tensor) -> Tensor:
    """log log(1 + e^x), which is x itself where e^x underflows."""
    limit = math.log(SERIES_LIMIT)
    return torch.where(x < limit, x - x.clamp(max=limit).exp() / 2, softplus(x.clamp(min=limit)).log())


def log_one_minus_exp(log_x: Tensor) -> Tensor:
    """log(1 − e^(−x)) of x > 0, from log x."""
    x = safe_exp(log_x)
    return torch.where(x < SERIES_LIMIT, log_x - x / 2, (-torch.expm1(-x.clamp(min=SERIES_LIMIT))).log())


def softplus_inverse(log_x: Tensor) -> Tensor:
    """The v with softplus(v) = x > 0, from log x: log(e^x − 1)."""
    return safe_exp(log_x) + log_one_minus_exp(log_x)
