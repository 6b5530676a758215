"""Closed forms between two Gaussians in any dimension.

Source: Gil, Alajaji and Linder, 2013, "Rényi divergence measures for commonly used univariate continuous
distributions" (∫ pᵅ q¹⁻ᵅ and when it is finite); Dowson and Landau, 1982, "The Fréchet distance between multivariate
normal distributions" (the Wasserstein-2 distance).
"""

from __future__ import annotations

import numpy as np

from twoplayer.theory.gaussian import Gaussian

__all__ = ["bures", "equal_covariance", "log_affinity", "normal_kl", "project_to_line"]


def normal_kl(p: Gaussian, q: Gaussian) -> float:
    """KL(p‖q) = ½ (tr Σq⁻¹Σp − d + Δᵀ Σq⁻¹ Δ + ln |Σq|/|Σp|)."""
    scaled, shift = np.linalg.solve(q.factor, p.factor), np.linalg.solve(q.factor, p.mean - q.mean)
    log_ratio = q.log_determinant - p.log_determinant
    return float(((scaled**2).sum() - p.dimension + shift @ shift + log_ratio) / 2)


def log_affinity(p: Gaussian, q: Gaussian, alpha: float) -> float:
    """ln ∫ pᵅ q¹⁻ᵅ, which is ∞ unless α Σp⁻¹ + (1 − α) Σq⁻¹ is positive definite.

    In coordinates where Σq is the identity and Σp⁻¹ is diagonal nothing cancels, and the result has α as a factor: it
    keeps its relative precision as α → 0, and by exchange of p and q as α → 1.
    """
    _, singular, axes = np.linalg.svd(np.linalg.solve(p.factor, q.factor))
    precision, shift = singular**2, axes @ np.linalg.solve(q.factor, p.mean - q.mean)
    mixed_precision = 1 + alpha * (precision - 1)
    if mixed_precision.min() <= 1e-13 * max(1.0, abs(alpha) * precision.max()):
        return float("inf")
    quadratic = alpha * (1 - alpha) * precision * shift**2 / mixed_precision
    logarithms = np.log1p(alpha * (precision - 1)) - alpha * np.log(precision)
    return float(-(quadratic + logarithms).sum() / 2)


def equal_covariance(p: Gaussian, q: Gaussian) -> bool:
    """Whether two Gaussians of one dimension differ in their means only."""
    return bool(np.abs(p.covariance - q.covariance).max() <= 1e-13 * np.abs(p.covariance).max())


def project_to_line(p: Gaussian, q: Gaussian) -> tuple[Gaussian, Gaussian]:
    """Two Gaussians with the same covariance, projected to the line between their whitened means.

    Orthogonally to it they agree, so that every f-divergence in d dimensions is that of these two in one.
    """
    distance = float(np.linalg.norm(np.linalg.solve(q.factor, p.mean - q.mean)))
    return Gaussian(distance), Gaussian(0.0)


def bures(p: Gaussian, q: Gaussian) -> float:
    """W₂ = (‖Δ‖² + tr Σp + tr Σq − 2 tr (Σp^½ Σq Σp^½)^½)^½, the last trace being the nuclear norm of LpᵀLq."""
    nuclear = np.linalg.svd(p.factor.T @ q.factor, compute_uv=False)
    squared = ((p.mean - q.mean) ** 2).sum() + (p.factor**2).sum() + (q.factor**2).sum() - 2 * nuclear.sum()
    return float(np.sqrt(max(squared, 0.0)))
