"""Optimal transport: Wasserstein distances, the plan between atoms, the Kantorovich potential on the line.

Source: Villani, 2009, "Optimal transport: old and new"; Santambrogio, 2015, "Optimal transport for applied
mathematicians", chapter 2 (the line); Flamary et al., 2021, "POT: Python optimal transport" (atoms).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from twoplayer.core.errors import UserError
from twoplayer.theory._base import Density, shared_dimension
from twoplayer.theory._checks import Array
from twoplayer.theory._cubature import integrate, merge_edges, tensor_cells
from twoplayer.theory._normal import bures
from twoplayer.theory._strata import as_atoms
from twoplayer.theory.empirical import Empirical
from twoplayer.theory.gaussian import Gaussian

__all__ = ["Potential", "TransportPlan", "kantorovich_potential", "plan", "wasserstein"]

MAX_SIMPLEX_ITERATIONS = 10_000_000
"""Iterations of POT's network simplex: enough for a few thousand atoms on each side."""
FORM_TOLERANCE = 1e-12
"""Difference relative to the largest entry up to which two canonical forms are equal."""
NORMAL_SCORES = np.linspace(-8.25, 8.25, 34)
"""Panels in normal scores, which contain all probability but 1.6e-16."""


def wasserstein(
    p: Density, q: Density, order: int = 1, *, samples: int | None = None, rng: np.random.Generator | None = None
) -> float:
    """The Wasserstein distance W₁ or W₂: the least mean (or root mean squared) distance of a transport from p to q.

    Exact between a distribution and its translate, on the line (by quadrature of distribution functions, 1e-9), between
    atoms (by POT) and, for order 2, between Gaussians. Any other pair in two dimensions and more is compared by
    samples: an estimate that is biased upwards by about samples^(−1/d).

    Args:
        p: A distribution.
        q: A distribution of the same dimension.
        order: 1 or 2. Default 1.
        samples: Number of draws from each side, at least 1, where no exact distance is known; atoms are used as they
            are.
        rng: The generator of the draws.

    Returns:
        The distance, in the unit of the samples.

    Raises:
        UserError: If no exact distance is known and `samples` or `rng` is missing.

    >>> from twoplayer import theory
    >>> theory.wasserstein(theory.Gaussian(0, 1), theory.Gaussian(3, 1))
    3.0
    """
    shared_dimension(p, q)
    _check_order(order)
    if (shift := _translation(p, q)) is not None:
        return float(np.linalg.norm(shift))
    if p.dimension == 1:
        return _on_the_line(p, q, order)
    if order == 2 and isinstance(p, Gaussian) and isinstance(q, Gaussian):
        return bures(p, q)
    source, target = _as_atoms_or_samples(p, samples, rng), _as_atoms_or_samples(q, samples, rng)
    return float(max(_solve(source, target, order).cost, 0.0) ** (1 / order))


def _check_order(order: int) -> None:
    if order not in (1, 2):
        raise UserError(f"the order of a Wasserstein distance is 1 or 2 here, not {order}")


def _as_atoms_or_samples(density: Density, samples: int | None, rng: np.random.Generator | None) -> Empirical:
    if (atoms := as_atoms(density)) is not None:
        return atoms
    if samples is None or rng is None or samples < 1:
        raise UserError(
            f"no exact Wasserstein distance is known for these densities in {density.dimension} dimensions; "
            "pass samples=, at least 1, and rng= for an estimate"
        )
    return Empirical(density.sample(samples, rng))


# ---- translates


def _translation(p: Density, q: Density) -> Array | None:
    """The translation from p to q, or None if q is not a translate of p."""
    (p_anchor, p_form), (q_anchor, q_form) = p.canonical_form(), q.canonical_form()
    return q_anchor - p_anchor if _equal_forms(p_form, q_form) else None


def _equal_forms(a: Any, b: Any) -> bool:
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(_equal_forms(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return a.shape == b.shape and bool(
            np.abs(a - b).max() <= FORM_TOLERANCE * max(np.abs(a).max(), np.abs(b).max())
        )
    return bool(a is b or (isinstance(a, str) and a == b))


# ---- the line


def _on_the_line(p: Density, q: Density, order: int) -> float:
    source, target = as_atoms(p), as_atoms(q)
    if source is not None and target is not None:
        return _between_atoms(source, target, order)
    if order == 1:
        # W₁ = ∫ |F_p − F_q|
        return integrate(lambda x: np.abs(p.cumulative(x[:, 0]) - q.cumulative(x[:, 0])), tensor_cells([_edges(p, q)]))
    return float(np.sqrt(integrate(lambda z: _squared_gap(p, q, z[:, 0]), tensor_cells([_scores(p, q)]))))


def _between_atoms(p: Empirical, q: Empirical, order: int) -> float:
    """∫ |F_p⁻¹ − F_q⁻¹|ᵏ du over the steps that both quantile functions take."""
    steps = np.unique(np.concatenate([[0.0], p.cumulative(p.edges(0)), q.cumulative(q.edges(0))]))
    middle = (steps[:-1] + steps[1:]) / 2
    gaps = np.abs(p.quantile(middle) - q.quantile(middle)) ** order
    return float((np.diff(steps) @ gaps) ** (1 / order))


def _edges(p: Density, q: Density) -> Array:
    return merge_edges(p.edges(0), q.edges(0))


def _squared_gap(p: Density, q: Density, z: Array) -> Array:
    """(F_p⁻¹(u) − F_q⁻¹(u))² du at u = Φ(z): as functions of z the quantiles of a Gaussian are straight lines."""
    from scipy.special import ndtr

    u = ndtr(z)
    return np.asarray((p.quantile(u) - q.quantile(u)) ** 2 * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi))


def _scores(p: Density, q: Density) -> Array:
    """Panels in normal scores: the probabilities at which a quantile function has a break or a kink."""
    from scipy.special import ndtri

    breaks = np.concatenate([d.cumulative(d.edges(0)) for d in (p, q)])
    scores = ndtri(breaks[(breaks > 0) & (breaks < 1)])
    return merge_edges(NORMAL_SCORES, scores[np.abs(scores) < NORMAL_SCORES[-1]])


@dataclass(frozen=True)
class Potential:
    """A piecewise linear function on the line, constant beyond its first and last knot; (n,) or (n, 1) to (n,)."""

    knots: Array
    values: Array

    def __call__(self, x: Array) -> Array:
        return np.asarray(np.interp(np.asarray(x, dtype=np.float64).reshape(-1), self.knots, self.values))


def kantorovich_potential(p: Density, q: Density) -> Potential:
    """A Kantorovich potential φ on the line: 1-Lipschitz, with E_p φ − E_q φ = W₁ and φ′ = sign(F_q − F_p).

    A Wasserstein critic learns it, up to a constant and to its slope where neither side has mass.

    Args:
        p: A distribution on the line.
        q: A distribution on the line.

    Returns:
        The potential, zero at its first knot.

    Raises:
        UserError: If the distributions are not on the line.

    >>> import numpy as np
    >>> from twoplayer import theory
    >>> phi = theory.kantorovich_potential(theory.Uniform(0, 1), theory.Uniform(2, 3))
    >>> phi(np.array([0.0, 1.0, 3.0])).tolist()
    [0.0, -1.0, -3.0]
    """
    shared_dimension(p, q)
    p.require_line("a potential")

    def sign(x: Array) -> Array:
        return np.sign(q.cumulative(x) - p.cumulative(x))

    edges = _edges(p, q)
    fine = np.unique(edges[:-1, None] + np.diff(edges)[:, None] * np.arange(64) / 64)
    middle = (fine + np.append(fine[1:], edges[-1])) / 2
    signs = sign(middle)
    changes = np.flatnonzero(signs[:-1] != signs[1:])
    low, high = middle[changes], middle[changes + 1]
    for _ in range(60):
        half = (low + high) / 2
        unchanged = sign(half) == signs[changes]
        low, high = np.where(unchanged, half, low), np.where(unchanged, high, half)
    knots = merge_edges(edges, high)
    slopes = sign((knots[:-1] + knots[1:]) / 2)
    return Potential(knots, np.concatenate([[0.0], np.cumsum(slopes * np.diff(knots))]))


# ---- atoms


@dataclass(frozen=True)
class TransportPlan:
    """A coupling of atoms: `matrix` (n, m) is the mass that moves from each atom of `source` to each of `target`.

    Args:
        matrix: The mass moved, (n, m), not negative.
        cost: Σ matrixᵢⱼ ‖xᵢ − yⱼ‖ᵏ for order k: W₁, or the square of W₂.
        source: The atoms (n, d) with their weights, the sums of the rows.
        target: The atoms (m, d) with their weights, the sums of the columns.

    Raises:
        UserError: If rows and columns do not sum to the weights of the two sides.
    """

    matrix: Array
    cost: float
    source: Empirical
    target: Empirical

    def __post_init__(self) -> None:
        expected = (len(self.source.weights), len(self.target.weights))
        if self.matrix.shape != expected or (self.matrix < 0).any():
            raise UserError(f"a plan between these atoms is a matrix of shape {expected} without negative entries")
        rows, columns = self.matrix.sum(axis=1) - self.source.weights, self.matrix.sum(axis=0) - self.target.weights
        if max(np.abs(rows).max(), np.abs(columns).max()) > 1e-9:
            raise UserError("the rows and columns of a plan must sum to the weights of its source and target")


def plan(p: Density, q: Density, order: int = 1) -> TransportPlan:
    """An optimal transport plan between atoms, in any dimension, by POT's network simplex; atoms keep their order.

    Args:
        p: Atoms: samples or a discrete distribution.
        q: Atoms of the same dimension.
        order: 1 or 2. Default 1.

    Returns:
        The plan with its cost.

    Raises:
        UserError: If a distribution has a part that is not atoms.

    >>> from twoplayer import theory
    >>> theory.plan(theory.Empirical([0.0, 1.0]), theory.Empirical([1.0, 2.0])).cost
    1.0
    """
    shared_dimension(p, q)
    _check_order(order)
    source, target = as_atoms(p), as_atoms(q)
    if source is None or target is None:
        raise UserError("a plan is defined between atoms: draw samples of a density and wrap them in Empirical first")
    return _solve(source, target, order)


def _solve(source: Empirical, target: Empirical, order: int) -> TransportPlan:
    import ot  # type: ignore[import-untyped]
    from scipy.spatial.distance import cdist

    costs = cdist(source.samples, target.samples) ** order
    matrix = np.asarray(ot.emd(source.weights, target.weights, costs, numItermax=MAX_SIMPLEX_ITERATIONS))
    return TransportPlan(matrix, float((matrix * costs).sum()), source, target)
