"""The Fréchet distance between normal distributions, exact in float64 and for singular covariances too.

Source: Dowson, Landau, 1982, The Fréchet distance between multivariate normal distributions, equation 4.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import cast
from weakref import WeakKeyDictionary

import numpy as np

from twoplayer.core.errors import UserError
from twoplayer.metrics._nearest import matrix, same_dimensions, strips
from twoplayer.metrics._records import Array, Moments
from twoplayer.metrics._sums import MomentSums

__all__ = ["as_moments", "frechet_distance", "influence", "moments", "of_spread", "spread"]

CHUNK = 8192
"""Feature vectors that are summed at a time, in float64."""


def spread(features: Array) -> MomentSums:
    """The sums of features ``(N, F)`` that a Fréchet distance needs, in float64 whatever they are held in."""
    rows = matrix(features)
    parts = (rows[some].astype(np.float64) for some in strips(len(rows), CHUNK))
    return reduce(add, map(MomentSums.of, parts))


def of_spread(sums: MomentSums) -> Moments:
    """Mean and unbiased covariance of at least 2 feature vectors."""
    if sums.count < 2:
        raise UserError("a covariance needs at least 2 samples: give more of them")
    return Moments(sums.mean, sums.scatter / (sums.count - 1))


def moments(features: Array) -> Moments:
    """Mean and unbiased covariance of features ``(N, F)``, N at least 2, in float64."""
    found = of_spread(spread(features))
    if len(features) > len(found.mean):
        return found
    root = (np.asarray(features, np.float64) - found.mean) / np.sqrt(len(features) - 1)
    return Moments(found.mean, found.covariance, root)


def as_moments(real: Array | Moments) -> Moments:
    """Moments as they are, and those of features ``(M, F)``."""
    return real if isinstance(real, Moments) else moments(real)


def frechet_distance(a: Moments, b: Moments) -> float:
    """‖μ₁ - μ₂‖² + tr(Σ₁ + Σ₂ - 2 (Σ₁ Σ₂)^½), at least 0 and symmetric up to rounding.

    The factor of either covariance is kept as long as the moments are. Raises `UserError` for unequal dimensions.
    """
    same_dimensions(len(a.mean), len(b.mean))
    factor_a, factor_b = _factor(a), _factor(b)
    if factor_a.regular and factor_b.regular:
        # (Σ₁Σ₂)^½ has the roots of the eigenvalues of RΣ₁Rᵀ, which is symmetric.
        roots = np.sqrt(np.linalg.eigvalsh(factor_b.root @ a.covariance @ factor_b.root.T).clip(0))
    else:
        # A root turns an eigenvalue's rounding error of 1e-16 into 1e-8; the singular values of R₁R₂ᵀ never take one.
        roots = np.linalg.svd(factor_a.root @ factor_b.root.T, compute_uv=False)
    return _distance(a, b, roots)


def influence(features: Array, real: Moments) -> tuple[float, Array] | None:
    """The distance of features ``(N, F)`` from `real`, and how far each sample's weight moves it, ``(N,)``.

    That is 2 (μ - m)ᵀ(x - μ) + (x - μ)ᵀ(I - T)(x - μ) up to a constant, with T = Rᵀ(RΣRᵀ)^(-½)R, RᵀR = S, the optimal
    map from N(0, Σ) to N(0, S); where RΣRᵀ is singular no sample tells how it would change, and T is 0. None for fewer
    than 2F samples: the distance then is too far from linear in their weights.
    """
    rows = matrix(features)
    same_dimensions(rows.shape[1], len(real.mean))
    if len(rows) < 2 * rows.shape[1]:
        return None
    found, factor = moments(rows), _factor(real)
    values, vectors = np.linalg.eigh(factor.root @ found.covariance @ factor.root.T)
    roots = np.sqrt(values.clip(0))
    known = values > _rounding(values)
    to_eigenvectors = factor.root.T @ vectors[:, known]
    change = np.empty(len(rows))
    for some in strips(len(rows), CHUNK):
        gaps = rows[some] - found.mean
        moved = ((gaps @ to_eigenvectors) ** 2) @ (1 / roots[known])
        change[some] = 2 * gaps @ (found.mean - real.mean) + (gaps**2).sum(1) - moved
    regular = factor.regular and _factor(found).regular
    return _distance(found, real, roots) if regular else frechet_distance(found, real), change


def _distance(a: Moments, b: Moments, roots: Array) -> float:
    offset = a.mean - b.mean
    return max(0.0, float(offset @ offset + np.trace(a.covariance) + np.trace(b.covariance) - 2 * roots.sum()))


@dataclass(frozen=True, eq=False)
class _Factor:
    """R with RᵀR a covariance."""

    root: Array
    """``(R, F)``."""
    regular: bool
    """Whether the covariance is far enough from singular that products with it may be trusted."""


_FACTORS: WeakKeyDictionary[Moments, _Factor] = WeakKeyDictionary()


def _factor(of: Moments) -> _Factor:
    if of not in _FACTORS:
        lower = None if of.root is not None else _cholesky(of.covariance)
        _FACTORS[of] = _Factor(_root(of), False) if lower is None else _Factor(lower.T, True)
    return _FACTORS[of]


def _cholesky(covariance: Array) -> Array | None:
    """L with LLᵀ the covariance, or None where that is singular or nearly so."""
    try:
        lower = np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError:
        return None
    pivots = np.diagonal(lower) ** 2
    return cast(Array, lower) if pivots.min() > 1e-6 * pivots.max() else None


def _root(of: Moments) -> Array:
    """R with RᵀR the covariance, rounding noise in its null space removed."""
    if of.root is not None:
        return of.root
    eigenvalues, vectors = np.linalg.eigh(of.covariance)
    real = eigenvalues > _rounding(eigenvalues)
    root: Array = np.sqrt(eigenvalues[real])[:, None] * vectors[:, real].T
    return root


def _rounding(eigenvalues: Array) -> float:
    """How far eigenvalues that are 0 may be from it."""
    return len(eigenvalues) * float(np.finfo(np.float64).eps) * float(eigenvalues.max(initial=0.0))
