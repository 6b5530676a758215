"""Spectral normalization: every critic layer is divided by its largest singular value, tracked by power iteration.

Source: Miyato et al. 2018, "Spectral Normalization for Generative Adversarial Networks", Algorithm 1.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize
from torch.nn.utils import parametrize

from twoplayer.core.errors import UserError
from twoplayer.core.ranges import Count
from twoplayer.regularizers._base import Constraint

__all__ = ["SpectralNorm"]

LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.ConvTranspose2d, nn.Embedding)
TINY = 1e-12


class SpectralNorm(Constraint):
    """W / σ(W) for every linear and convolutional layer, `power_iterations` per training pass.

    As in the paper a convolution's σ is that of its kernel reshaped to ``(out, in·h·w)``. A weight that is zero,
    such as the last of a residual branch that starts as the identity, stays as it is until it moves.

    Args:
        power_iterations: steps of the power method in each training pass, at least 1.
    """

    normalizes_weights: ClassVar[bool] = True

    def __init__(self, *, power_iterations: Count = 1) -> None:
        if power_iterations < 1:
            raise UserError(f"spectral-norm needs at least 1 power iteration, not {power_iterations}")
        self.power_iterations = power_iterations

    def install(self, critic: nn.Module) -> None:
        for layer in critic.modules():
            if isinstance(layer, LAYERS) and not parametrize.is_parametrized(layer, "weight"):
                norm = _UnitNorm(layer.weight, self.power_iterations, int(isinstance(layer, nn.ConvTranspose2d)))
                parametrize.register_parametrization(layer, "weight", norm)

    def enforce(self, critic: nn.Module) -> None:
        """Nothing to do: the normalization is part of every pass."""


class _UnitNorm(nn.Module):
    """A weight divided by its spectral norm; u and v are buffers, so that a resumed run has them."""

    u: Tensor
    v: Tensor

    def __init__(self, weight: Tensor, power_iterations: int, output_axis: int) -> None:
        super().__init__()
        self.power_iterations, self.output_axis = power_iterations, output_axis
        matrix = self._matrix(weight.detach())
        self.register_buffer("u", normalize(torch.randn_like(matrix[:, 0]), dim=0))
        self.register_buffer("v", normalize(torch.randn_like(matrix[0]), dim=0))
        self._iterate(matrix, 15)

    def forward(self, weight: Tensor) -> Tensor:
        with torch.autocast(weight.device.type, enabled=False):
            matrix = self._matrix(weight)
            if self.training:
                self._iterate(matrix.detach(), self.power_iterations)
            u, v = self.u.clone(), self.v.clone()  # the next pass moves the buffers while this graph lives
            sigma: Tensor = u @ (matrix @ v)
            return weight / torch.where(sigma > TINY, sigma, 1.0)  # a zero weight has no norm to divide by

    @torch.no_grad()
    def _iterate(self, matrix: Tensor, times: int) -> None:
        for _ in range(times):
            self.v.copy_(_direction(matrix.mT @ self.u, self.v))  # Algorithm 1, line 1
            self.u.copy_(_direction(matrix @ self.v, self.u))  # line 2

    def _matrix(self, weight: Tensor) -> Tensor:
        return weight.transpose(0, self.output_axis).flatten(1)


def _direction(x: Tensor, before: Tensor) -> Tensor:
    """x / ‖x‖; `before` where x is zero, since a zero vector, and σ with it, would stay zero."""
    length = x.norm()
    return torch.where(length > TINY, x / length.clamp_min(TINY), before)
