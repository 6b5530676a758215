"""Two densities on the nodes of a quadrature, for what objectives claim of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor

from twoplayer import theory

__all__ = ["QuadratureNodes", "quadrature"]

MIN_MASS = 1e-13
"""Nodes of less mass under both densities are left out where there should be few."""


@dataclass(frozen=True)
class QuadratureNodes:
    """The nodes of a quadrature, all in float64: their points, their widths, and two log-densities, ``(N,)`` each."""

    points: Tensor
    widths: Tensor
    log_p: Tensor
    log_q: Tensor

    @property
    def log_ratio(self) -> Tensor:
        return self.log_p - self.log_q

    @property
    def weights(self) -> tuple[Tensor, Tensor]:
        """The probabilities of the nodes under p and under q."""
        return self.widths * self.log_p.exp(), self.widths * self.log_q.exp()


@cache
def quadrature(p: theory.Density, q: theory.Density, *, few: bool = False) -> QuadratureNodes:
    """The nodes of a pair of densities of the same dimension.

    Args:
        p: a density.
        q: a density.
        few: leave out nodes without mass, and halve none, for sums over pairs of nodes.
    """
    line = p.dimension == 1
    points, widths = theory.grid(p, q, nodes=4 if few and not line else 8, halvings=30 if line and not few else 0)
    logs = np.stack([p.log_density(points), q.log_density(points)])
    if few:
        has_mass = (widths * np.exp(logs)).max(axis=0) > MIN_MASS
        points, widths, logs = points[has_mass], widths[has_mass], logs[:, has_mass]
    return QuadratureNodes(*(torch.as_tensor(x) for x in (points, widths, *logs)))
