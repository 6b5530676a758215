"""Exact divergences: densities, and how far apart any two of them are.

Float64 and numpy alone: closed forms where they exist, quadrature in one and two dimensions, optimal transport for
atoms. Everything the objectives claim is checked against what stands here.
"""

from __future__ import annotations

from twoplayer.theory._base import Continuous, Density
from twoplayer.theory.divergences import (
    alpha,
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
from twoplayer.theory.transport import Potential, TransportPlan, plan, potential, wasserstein
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
    "alpha",
    "cross_entropy",
    "entropy",
    "f_divergence",
    "grid",
    "jeffrey",
    "jensen_shannon",
    "kl",
    "neyman",
    "pearson",
    "plan",
    "potential",
    "reverse_kl",
    "squared_hellinger",
    "total_variation",
    "triangular",
    "wasserstein",
]  # fmt: skip
