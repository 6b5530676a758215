"""Exact divergences between densities: closed forms, quadrature in one and two dimensions, optimal transport for atoms.

Float64 and numpy only. The statements of the objectives are tested against these functions.

>>> from twoplayer import theory
>>> theory.kl(theory.Gaussian(0, 1), theory.Gaussian(1, 1))
0.5
"""

from __future__ import annotations

from twoplayer.theory._base import Continuous, Density
from twoplayer.theory.divergences import (
    alpha_divergence,
    f_divergence,
    jeffrey,
    jensen_shannon,
    kl,
    neyman,
    pearson,
    reverse_kl,
    squared_hellinger,
    total_variation,
    triangular,
)
from twoplayer.theory.empirical import Empirical
from twoplayer.theory.entropy import cross_entropy, entropy
from twoplayer.theory.gaussian import Gaussian
from twoplayer.theory.gridded import Gridded
from twoplayer.theory.mixture import Mixture
from twoplayer.theory.quadrature import QuadratureGrid, grid
from twoplayer.theory.segment import Segment
from twoplayer.theory.transport import Potential, TransportPlan, kantorovich_potential, plan, wasserstein
from twoplayer.theory.uniform import Uniform

__all__ = [
    "Continuous",
    "Density",
    "Empirical",
    "Gaussian",
    "Gridded",
    "Mixture",
    "Potential",
    "QuadratureGrid",
    "Segment",
    "TransportPlan",
    "Uniform",
    "alpha_divergence",
    "cross_entropy",
    "entropy",
    "f_divergence",
    "grid",
    "jeffrey",
    "jensen_shannon",
    "kantorovich_potential",
    "kl",
    "neyman",
    "pearson",
    "plan",
    "reverse_kl",
    "squared_hellinger",
    "total_variation",
    "triangular",
    "wasserstein",
]  # fmt: skip
