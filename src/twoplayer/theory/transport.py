"""Optimal transport: Wasserstein distances, the plan between atoms, the Kantorovich potential on the line.

Source: Villani, 2009, "Optimal transport: old and new"; Santambrogio, 2015, "Optimal transport for applied
mathematicians", chapter 2 (the line); Flamary et al., 2021, "POT: Python optimal transport" (atoms).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from twoplayer.core.errors import UserError
from twoplayer.theory._base import Density, one_space
from twoplayer.theory._checks import Array
from twoplayer.theory._cubature import cells_of, integrate, union
from twoplayer.theory._normal import bures
from twoplayer.theory._strata import as_atoms
from twoplayer.theory.empirical import Empirical
from twoplayer.theory.gaussian import Gaussian

__all__ = ["Potential", "TransportPlan", "plan", "potential", "wasserstein"]

PIVOTS = 10_000_000
"""Most steps of POT's network simplex: enough for a few thousand atoms on each side."""
ROUNDING = 1e-12
"""Of the largest entry: shapes that differ by no more are one shape."""
REACH = np.linspace(-8.25, 8.25, 34)
"""Normal scores that hold all probability but 1.6e-16."""


def wasserstein(
    p: Density, q: Density, order: int = 1, *, samples: int | None = None, rng: np.random.Generator | None = None
) -> float:
    """W₁ or W₂: the least mean distance, or root mean squared distance, that mass must travel from p to q.

    Exact between a shape and its translate, on the line (by quadrature of distribution functions, 1e-9), between
    atoms (by POT) and, for order 2, between Gaussians. Any other pair in two dimensions and more is compared by
    `samples` draws from each side with `rng` (atoms stay as they are): an estimate that is biased upwards by about
    samples^(-1/d), not an exact value. Raises `UserError` where that would be needed and `samples` is not given.
    """
    one_space(p, q)
    _check_order(order)
    if (shift := _translation(p, q)) is not None:
        return float(np.linalg.norm(shift))
    if p.dimension == 1:
        return _on_the_line(p, q, order)
    if order == 2 and isinstance(p, Gaussian) and isinstance(q, Gaussian):
        return bures(p, q)
    source, target = _drawn(p, samples, rng), _drawn(q, samples, rng)
    return float(max(_solve(source, target, order).cost, 0.0) ** (1 / order))


def _check_order(order: int) -> None:
    if order not in (1, 2):
        raise UserError(f"the order of a Wasserstein distance is 1 or 2 here, not {order}")


def _drawn(density: Density, samples: int | None, rng: np.random.Generator | None) -> Empirical:
    if (atoms := as_atoms(density)) is not None:
        return atoms
    if samples is None or rng is None or samples < 1:
        raise UserError(
            f"no exact Wasserstein distance is known for these densities in {density.dimension} dimensions; "
            "give samples=, at least 1, and rng= for an estimate"
        )
    return Empirical(density.sample(samples, rng))


# ---- translates


def _translation(p: Density, q: Density) -> Array | None:
    """From p to q, when one is the other moved."""
    (start, shape), (end, other) = p.shape(), q.shape()
    return end - start if _same(shape, other) else None


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(_same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return a.shape == b.shape and bool(np.abs(a - b).max() <= ROUNDING * max(np.abs(a).max(), np.abs(b).max()))
    return bool(a is b or (isinstance(a, str) and a == b))


# ---- the line


def _on_the_line(p: Density, q: Density, order: int) -> float:
    source, target = as_atoms(p), as_atoms(q)
    if source is not None and target is not None:
        return _between_atoms(source, target, order)
    if order == 1:
        # W₁ = ∫ |F_p − F_q|
        return integrate(lambda x: np.abs(p.cumulative(x[:, 0]) - q.cumulative(x[:, 0])), cells_of([_edges(p, q)]))
    return float(np.sqrt(integrate(lambda z: _squared_gap(p, q, z[:, 0]), cells_of([_scores(p, q)]))))


def _between_atoms(p: Empirical, q: Empirical, order: int) -> float:
    """∫ |F_p⁻¹ − F_q⁻¹|ᵏ du over the steps that both quantile functions take."""
    steps = np.unique(np.concatenate([[0.0], p.cumulative(p.edges(0)), q.cumulative(q.edges(0))]))
    middle = (steps[:-1] + steps[1:]) / 2
    gaps = np.abs(p.quantile(middle) - q.quantile(middle)) ** order
    return float((np.diff(steps) @ gaps) ** (1 / order))


def _edges(p: Density, q: Density) -> Array:
    return union(p.edges(0), q.edges(0))


def _squared_gap(p: Density, q: Density, z: Array) -> Array:
    """(F_p⁻¹(u) − F_q⁻¹(u))² du at u = Φ(z): in normal scores the quantiles of a Gaussian are straight lines."""
    from scipy.special import ndtr

    u = ndtr(z)
    return np.asarray((p.quantile(u) - q.quantile(u)) ** 2 * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi))


def _scores(p: Density, q: Density) -> Array:
    """Panels in normal scores: the probabilities at which either quantile function breaks or bends."""
    from scipy.special import ndtri

    breaks = np.concatenate([d.cumulative(d.edges(0)) for d in (p, q)])
    scores = ndtri(breaks[(breaks > 0) & (breaks < 1)])
    return union(REACH, scores[np.abs(scores) < REACH[-1]])


@dataclass(frozen=True)
class Potential:
    """A piecewise linear function on the line, flat beyond its first and last knot; (n,) or (n, 1) to (n,)."""

    knots: Array
    values: Array

    def __call__(self, x: Array) -> Array:
        return np.asarray(np.interp(np.asarray(x, dtype=np.float64).reshape(-1), self.knots, self.values))


def potential(p: Density, q: Density) -> Potential:
    """A Kantorovich potential φ on the line: 1-Lipschitz, with E_p φ − E_q φ = W₁, φ′ = sign(F_q − F_p).

    It is what a Wasserstein critic learns, up to a constant and to its slope where neither side has mass.
    """
    one_space(p, q)
    p.on_the_line("a potential")

    def sign(x: Array) -> Array:
        return np.sign(q.cumulative(x) - p.cumulative(x))

    edges = _edges(p, q)
    fine = np.unique(edges[:-1, None] + np.diff(edges)[:, None] * np.arange(64) / 64)
    middle = (fine + np.append(fine[1:], edges[-1])) / 2
    signs = sign(middle)
    turns = np.flatnonzero(signs[:-1] != signs[1:])
    low, high = middle[turns], middle[turns + 1]
    for _ in range(60):
        half = (low + high) / 2
        before = sign(half) == signs[turns]
        low, high = np.where(before, half, low), np.where(before, high, half)
    knots = union(edges, high)
    slopes = sign((knots[:-1] + knots[1:]) / 2)
    return Potential(knots, np.concatenate([[0.0], np.cumsum(slopes * np.diff(knots))]))


# ---- atoms


@dataclass(frozen=True)
class TransportPlan:
    """Which mass goes where: `matrix` (n, m) from the atoms of `source` to those of `target`.

    `cost` is Σ matrixᵢⱼ ‖xᵢ − yⱼ‖ᵏ, for order k: W₁, or the square of W₂. Raises `UserError` when the rows and columns
    do not sum to the weights of the two sides.
    """

    matrix: Array
    cost: float
    source: Empirical
    target: Empirical

    def __post_init__(self) -> None:
        wanted = (len(self.source.weights), len(self.target.weights))
        if self.matrix.shape != wanted or (self.matrix < 0).any():
            raise UserError(f"a plan between these atoms is a matrix of shape {wanted} without negative entries")
        rows, columns = self.matrix.sum(axis=1) - self.source.weights, self.matrix.sum(axis=0) - self.target.weights
        if max(np.abs(rows).max(), np.abs(columns).max()) > 1e-9:
            raise UserError("the rows and columns of a plan must sum to the weights of its source and target")


def plan(p: Density, q: Density, order: int = 1) -> TransportPlan:
    """An optimal plan between atoms, in any dimension, by POT's network simplex; atoms keep their order.

    Raises `UserError` for densities that are not atoms alone.
    """
    one_space(p, q)
    _check_order(order)
    source, target = as_atoms(p), as_atoms(q)
    if source is None or target is None:
        raise UserError("a plan goes between atoms; draw samples of a density and wrap them in Empirical first")
    return _solve(source, target, order)


def _solve(source: Empirical, target: Empirical, order: int) -> TransportPlan:
    import ot  # type: ignore[import-untyped]
    from scipy.spatial.distance import cdist

    costs = cdist(source.samples, target.samples) ** order
    matrix = np.asarray(ot.emd(source.weights, target.weights, costs, numItermax=PIVOTS))
    return TransportPlan(matrix, float((matrix * costs).sum()), source, target)
