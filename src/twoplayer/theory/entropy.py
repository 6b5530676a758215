"""Entropy and cross-entropy, in nats.

Maximum likelihood is equivalent to minimal KL(data‖model): E_p[−ln q] = H(p) + KL(p‖q), where only the last term
depends on the model q.

Source: Goodfellow, 2016, "NIPS 2016 tutorial: Generative adversarial networks", section 2.1.
"""

from __future__ import annotations

import numpy as np

from twoplayer.core.errors import UserError
from twoplayer.theory._base import Density, shared_dimension
from twoplayer.theory._checks import Array
from twoplayer.theory._normal import normal_kl
from twoplayer.theory._strata import Atoms, as_atoms, strata
from twoplayer.theory.gaussian import Gaussian

__all__ = ["cross_entropy", "entropy"]


def entropy(p: Density) -> float:
    """H(p) = −∫ p ln p in nats: with respect to volume for a density, to length for segments, to counting for atoms.

    >>> from twoplayer import theory
    >>> theory.entropy(theory.Uniform(0, 1))
    0.0
    """
    if isinstance(p, Gaussian):
        return float(p.dimension * (1 + np.log(2 * np.pi)) + p.log_determinant) / 2
    return cross_entropy(p, p) + 0.0


def cross_entropy(p: Density, q: Density) -> float:
    """E_p[−ln q] in nats, infinite where p has mass and q has none.

    It is H(p) + KL(p‖q) where both are of one kind: volume, segments or atoms. For atoms p and a density q it is the
    negative log likelihood of the samples under q, per sample; the sum does not hold there, since H(p) counts atoms, ln
    q is per volume and KL(p‖q) is infinite.

    Args:
        p: The data's density.
        q: The model's density, of the same dimension.

    Returns:
        The cross-entropy in nats.

    Raises:
        UserError: If p has both atoms and a density: no single measure serves for its logarithms.

    >>> from twoplayer import theory
    >>> round(theory.cross_entropy(theory.Empirical([0.0]), theory.Gaussian(0, 1)), 6)  # ½ ln 2π
    0.918939
    """
    shared_dimension(p, q)
    if isinstance(p, Gaussian) and isinstance(q, Gaussian):
        return entropy(p) + normal_kl(p, q)
    atoms = as_atoms(p)
    if atoms is not None and as_atoms(q) is None:
        positive = atoms.weights > 0
        return float(-(atoms.weights[positive] @ q.log_density(atoms.samples[positive])))
    with_mass = [s for s in strata(p, q) if s.masses.p]
    if len({(isinstance(s, Atoms), isinstance(s, Atoms) or s.p[0][1].dimension) for s in with_mass}) > 1:
        raise UserError(
            "entropy needs a density that is all atoms, all segments or all volume: compute the parts separately"
        )
    return sum(s.integral(_surprisal) if s.masses.q else float("inf") for s in with_mass)


def _surprisal(log_p: Array, log_q: Array) -> Array:
    """−p ln q: zero where p is zero, infinite where q alone is zero, however small p is."""
    p_positive, q_positive = np.isfinite(log_p), np.isfinite(log_q)
    values = np.where(p_positive & ~q_positive, np.inf, 0.0)
    values[p_positive & q_positive] = -np.exp(log_p[p_positive & q_positive]) * log_q[p_positive & q_positive]
    return values
