"""The activations of every architecture, and the weight gain that preserves the signal's variance through each."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["ACTIVATIONS", "activation", "expansion", "gain"]

LEAKY_RELU_SLOPE = 0.2


class ShiftedSoftplus(nn.Module):
    """softplus(2x + 2)/2 - 1 (Gulrajani et al. 2017, appendix C): smooth, near the identity for x > 0."""

    def forward(self, x: Tensor) -> Tensor:
        return F.softplus(2 * x + 2) / 2 - 1


class Gated(nn.Module):
    """a·sigmoid(b) (Dauphin et al. 2017, eq. 1): a and b are the halves of dimension 1."""

    def forward(self, x: Tensor) -> Tensor:
        value, gate = x.chunk(2, dim=1)
        return value * torch.sigmoid(gate)


ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky-relu": functools.partial(nn.LeakyReLU, LEAKY_RELU_SLOPE),
    "tanh": nn.Tanh,
    "softplus": ShiftedSoftplus,
    "elu": nn.ELU,
    "gated": Gated,
}


def activation(name: str) -> nn.Module:
    """A new module of the activation called `name`, which must be one of `ACTIVATIONS`."""
    return ACTIVATIONS[name]()


def expansion(name: str) -> int:
    """The factor by which a layer must be wider than the output of this activation: 2 for gated, else 1."""
    return 2 if name == "gated" else 1


@functools.cache
def gain(name: str) -> float:
    """1/√E[f(x)²] for standard normal x: He et al. (2015, eq. 10) for any activation, by Gauss quadrature.

    >>> round(gain("relu") ** 2, 6)
    2.0
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(64)
    x = torch.from_numpy(nodes)
    pairs = torch.cartesian_prod(x, x)[:, : expansion(name)]
    density = torch.from_numpy(np.outer(weights, weights).ravel() / (2 * np.pi))
    second_moment = (activation(name)(pairs).squeeze(1).square() * density).sum()
    return float(second_moment.rsqrt())
