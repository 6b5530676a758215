"""Entropy and cross-entropy, in nats.

They state the equivalence of maximum likelihood and minimal KL(data‖model): E_p[−ln q] = H(p) + KL(p‖q), of which the
model q moves the last term alone (Goodfellow, 2016, "NIPS 2016 tutorial: Generative adversarial
networks", section 2.1).
"""

from __future__ import annotations

import numpy as np

from twoplayer.core.errors import UserError
from twoplayer.theory._base import Density, one_space
from twoplayer.theory._checks import Array
from twoplayer.theory._normal import normal_kl
from twoplayer.theory._strata import Atoms, as_atoms, strata
from twoplayer.theory.gaussian import Gaussian

__all__ = ["cross_entropy", "entropy"]


def entropy(p: Density) -> float:
    """H(p) = −∫ p ln p: with respect to volume for a density, to length for segments, to counting for atoms.

    >>> from twoplayer.theory import Uniform
    >>> entropy(Uniform(0, 1))
    0.0
    """
    if isinstance(p, Gaussian):
        return float(p.dimension * (1 + np.log(2 * np.pi)) + p.log_determinant) / 2
    return cross_entropy(p, p) + 0.0


def cross_entropy(p: Density, q: Density) -> float:
    """E_p[−ln q], infinite where p has mass and q has none.

    It is H(p) + KL(p‖q) where both are of one kind: volume, segments or atoms. For atoms p against a density q it is
    the negative log likelihood of the samples under q, per sample; that sum does not hold there, since H(p) counts
    atoms, ln q is per volume and KL(p‖q) is infinite. Raises `UserError` where p has both atoms and a density: there
    is no one measure to take logarithms against.
    """
    one_space(p, q)
    if isinstance(p, Gaussian) and isinstance(q, Gaussian):
        return entropy(p) + normal_kl(p, q)
    atoms = as_atoms(p)
    if atoms is not None and as_atoms(q) is None:
        there = atoms.weights > 0
        return float(-(atoms.weights[there] @ q.log_density(atoms.samples[there])))
    with_mass = [s for s in strata(p, q) if s.mass.p]
    if len({(isinstance(s, Atoms), isinstance(s, Atoms) or s.p[0][1].dimension) for s in with_mass}) > 1:
        raise UserError("entropy needs a density that is all atoms, all segments or all volume; take the parts apart")
    return sum(s.integral(_surprise) if s.mass.q else float("inf") for s in with_mass)


def _surprise(log_p: Array, log_q: Array) -> Array:
    """−p ln q: zero where p is, and infinite where q alone is, however little p is."""
    on_p, on_q = np.isfinite(log_p), np.isfinite(log_q)
    found = np.where(on_p & ~on_q, np.inf, 0.0)
    found[on_p & on_q] = -np.exp(log_p[on_p & on_q]) * log_q[on_p & on_q]
    return found
