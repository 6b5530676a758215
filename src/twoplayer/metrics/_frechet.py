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

__all__ = ["as_moments", "frechet_distance", "influence", "moment_sums", "moments", "moments_of_sums"]

CHUNK = 8192
"""Feature vectors that are summed at a time, in float64."""


def moment_sums(features: Array) -> MomentSums:
    """Count, mean and scatter matrix of features ``(N, F)``, in float64."""
    rows = matrix(features)
    parts = (rows[chunk].astype(np.float64) for chunk in strips(len(rows), CHUNK))
    return reduce(add, map(MomentSums.of, parts))


def moments_of_sums(sums: MomentSums) -> Moments:
    """Mean and unbiased covariance of at least 2 feature vectors."""
    if sums.count < 2:
        raise UserError("a covariance needs at least 2 samples: give more of them")
    return Moments(sums.mean, sums.scatter / (sums.count - 1))


def moments(features: Array) -> Moments:
    """Mean and unbiased covariance of features ``(N, F)``, N at least 2, in float64."""
    result = moments_of_sums(moment_sums(features))
    if len(features) > len(result.mean):
        return result
    root = (np.asarray(features, np.float64) - result.mean) / np.sqrt(len(features) - 1)
    return Moments(result.mean, result.covariance, root)


def as_moments(real: Array | Moments) -> Moments:
    """`real` where it is `Moments`, else the moments of features ``(M, F)``."""
    return real if isinstance(real, Moments) else moments(real)


def frechet_distance(a: Moments, b: Moments) -> float:
    """‖μ₁ - μ₂‖² + tr(Σ₁ + Σ₂ - 2 (Σ₁ Σ₂)^½), at least 0 and symmetric up to rounding.

    The factors of both covariances are cached with the moments. Raises `UserError` for unequal dimensions.
    """
    same_dimensions(len(a.mean), len(b.mean))
    factor_a, factor_b = _factor(a), _factor(b)
    if factor_a.regular and factor_b.regular:
        # The eigenvalues of (Σ₁Σ₂)^½ are the roots of those of RΣ₁Rᵀ, which is symmetric.
        roots = np.sqrt(np.linalg.eigvalsh(factor_b.root @ a.covariance @ factor_b.root.T).clip(0))
    else:
        # A square root turns a rounding error of 1e-16 into 1e-8; the singular values of R₁R₂ᵀ need no root.
        roots = np.linalg.svd(factor_a.root @ factor_b.root.T, compute_uv=False)
    return _distance(a, b, roots)


def influence(features: Array, real: Moments) -> tuple[float, Array] | None:
    """The Fréchet distance of features ``(N, F)`` from `real`, and its derivatives by the weights of samples, ``(N,)``.

    The derivative by the weight of x is 2 (μ - m)ᵀ(x - μ) + (x - μ)ᵀ(I - T)(x - μ) up to a constant, with
    T = Rᵀ(RΣRᵀ)^(-½)R, RᵀR = S, the optimal map from N(0, Σ) to N(0, S); on the null space of RΣRᵀ, T is 0. None for
    fewer than 2F samples, for which the distance is too far from linear in the weights.
    """
    rows = matrix(features)
    same_dimensions(rows.shape[1], len(real.mean))
    if len(rows) < 2 * rows.shape[1]:
        return None
    own, factor = moments(rows), _factor(real)
    values, vectors = np.linalg.eigh(factor.root @ own.covariance @ factor.root.T)
    roots = np.sqrt(values.clip(0))
    known = values > _rounding(values)
    to_eigenvectors = factor.root.T @ vectors[:, known]
    change = np.empty(len(rows))
    for chunk in strips(len(rows), CHUNK):
        gaps = rows[chunk] - own.mean
        moved = ((gaps @ to_eigenvectors) ** 2) @ (1 / roots[known])
        change[chunk] = 2 * gaps @ (own.mean - real.mean) + (gaps**2).sum(1) - moved
    regular = factor.regular and _factor(own).regular
    return _distance(own, real, roots) if regular else frechet_distance(own, real), change


def _distance(a: Moments, b: Moments, roots: Array) -> float:
    offset = a.mean - b.mean
    return max(0.0, float(offset @ offset + np.trace(a.covariance) + np.trace(b.covariance) - 2 * roots.sum()))


@dataclass(frozen=True, eq=False)
class _Factor:
    """R with RᵀR a covariance."""

    root: Array
    """``(R, F)``."""
    regular: bool
    """Whether the covariance is far enough from singular for products with it to be accurate."""


_FACTORS: WeakKeyDictionary[Moments, _Factor] = WeakKeyDictionary()


def _factor(moments_: Moments) -> _Factor:
    if moments_ not in _FACTORS:
        lower = None if moments_.root is not None else _cholesky(moments_.covariance)
        _FACTORS[moments_] = _Factor(_root(moments_), False) if lower is None else _Factor(lower.T, True)
    return _FACTORS[moments_]


def _cholesky(covariance: Array) -> Array | None:
    """L with LLᵀ the covariance, or None where that is singular or nearly so."""
    try:
        lower = np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError:
        return None
    pivots = np.diagonal(lower) ** 2
    return cast(Array, lower) if pivots.min() > 1e-6 * pivots.max() else None


def _root(moments_: Moments) -> Array:
    """R with RᵀR the covariance, without the rounding errors in its null space."""
    if moments_.root is not None:
        return moments_.root
    eigenvalues, vectors = np.linalg.eigh(moments_.covariance)
    real = eigenvalues > _rounding(eigenvalues)
    root: Array = np.sqrt(eigenvalues[real])[:, None] * vectors[:, real].T
    return root


def _rounding(eigenvalues: Array) -> float:
    """Upper bound of computed eigenvalues whose exact value is 0."""
    return len(eigenvalues) * float(np.finfo(np.float64).eps) * float(eigenvalues.max(initial=0.0))
