"""The logarithm of Wright's omega function, differentiable to any order.

Source: Corless and Jeffrey 2002, "The Wright omega function"; ω(z) = W(e^z) for Lambert's W.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

__all__ = ["log_omega"]

NEWTON_STEPS = 8
"""Newton steps: it converges from above and quadratically, and six reach float64's last digit for |z| <= 1e6."""


class _LogOmega(torch.autograd.Function):
    """y with y + e^y = z, and dy/dz = 1/(1 + e^y), which is differentiable again."""

    @staticmethod
    def forward(ctx: Any, z: Tensor) -> Tensor:
        y = torch.where(z > 1, z.clamp(min=1).log(), z)  # y + e^y >= z at both starts
        for _ in range(NEWTON_STEPS):
            exp_y = y.exp()
            y = y - (y + exp_y - z) / (1 + exp_y)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        slope: Tensor = gradients[0] / (1 + y.exp())
        return slope


def log_omega(z: Tensor) -> Tensor:
    """log ω(z) = log W(e^z): the y with y + e^y = z, elementwise.

    >>> import torch
    >>> log_omega(torch.tensor(1.0)).abs() < 1e-6  # W(e) = 1
    tensor(True)
    """
    y: Tensor = _LogOmega.apply(z)  # type: ignore[no-untyped-call]
    return y
