"""The Fréchet distance between normal distributions, exact in float64 and for singular covariances too.

Source: Dowson, Landau, 1982, The Fréchet distance between multivariate normal distributions, equation 4.
"""

from __future__ import annotations

import numpy as np

from twoplayer.metrics._base import Array, Moments

__all__ = ["frechet_distance", "moments"]


def moments(features: Array) -> Moments:
    """Mean and unbiased covariance of features ``(N, F)``, N at least 2, in float64."""
    features = np.asarray(features, np.float64)
    mean = features.mean(0)
    root = (features - mean) / np.sqrt(len(features) - 1)
    return Moments(mean, root.T @ root, root if len(features) < len(mean) else None)


def frechet_distance(a: Moments, b: Moments) -> float:
    """‖μ₁ - μ₂‖² + tr(Σ₁ + Σ₂ - 2 (Σ₁ Σ₂)^½), at least 0 and symmetric up to rounding."""
    offset = a.mean - b.mean
    spread = np.trace(a.covariance) + np.trace(b.covariance) - 2 * _trace_of_product_root(a, b)
    return max(0.0, float(offset @ offset + spread))


def _trace_of_product_root(a: Moments, b: Moments) -> float:
    """tr (Σ₁ Σ₂)^½: the roots of the eigenvalues of LᵀΣ₁L, or the singular values of R₁R₂ᵀ, summed."""
    lower_a, lower_b = _cholesky(a.covariance), _cholesky(b.covariance)
    if lower_a is not None and lower_b is not None:
        eigenvalues = np.linalg.eigvalsh(lower_b.T @ a.covariance @ lower_b)
        return float(np.sqrt(eigenvalues.clip(0)).sum())
    # A root turns an eigenvalue's rounding error of 1e-16 into 1e-8; singular values never take one.
    root_a = _root(a) if lower_a is None else lower_a.T
    root_b = _root(b) if lower_b is None else lower_b.T
    return float(np.linalg.svd(root_a @ root_b.T, compute_uv=False).sum())


def _cholesky(covariance: Array) -> Array | None:
    """L with LLᵀ the covariance, or None where that is singular or nearly so."""
    try:
        lower = np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError:
        return None
    pivots = np.diagonal(lower) ** 2
    return lower if pivots.min() > 1e-6 * pivots.max() else None


def _root(of: Moments) -> Array:
    """R with RᵀR the covariance, rounding noise in its null space removed."""
    if of.root is not None:
        return of.root
    eigenvalues, vectors = np.linalg.eigh(of.covariance)
    noise = len(eigenvalues) * np.finfo(np.float64).eps * max(0.0, eigenvalues[-1])
    root: Array = np.sqrt(np.where(eigenvalues > noise, eigenvalues, 0))[:, None] * vectors.T
    return root
