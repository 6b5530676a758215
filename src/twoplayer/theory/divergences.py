"""f-divergences between any two densities, in nats where logarithms enter.

D_f(p‖q) = ∫ q f(p/q), p the data and q the model. Where q is zero the integrand is p · lim f(u)/u, where p is zero it
is q · f(0), so that disjoint supports give infinity where it belongs.

Between Gaussians closed forms are used, else adaptive Gauss-Legendre quadrature: in one dimension accurate to 1e-9 or
better, in two to 1e-7, on mixtures of Gaussians with panels no coarser than their deviations. Quadrature extends to
1024 times the reach of the densities (twelve deviations of a Gaussian), in two dimensions 64 times, and returns
infinity for an integral that has not converged there. χ² and similar divergences are therefore infinite slightly too
early: that of N(0, σ²) against N(0, 1), finite for σ² < 2, from about σ² = 2 − 10⁻⁶ on, where it is 706 (in two
dimensions from about 2 − 10⁻³ on, where it is 21). Between two plain Gaussians the closed form has no such limit.

Source: Nowozin, Cseke and Tomioka, 2016, "f-GAN: Training generative neural samplers using variational divergence
minimization", equation 2 and table 6; Liese and Vajda, 2006, "On divergences and informations in statistics and
information theory", equation 8 (the values at the ends).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from twoplayer.core.errors import UserError
from twoplayer.theory import _normal
from twoplayer.theory._base import Density, shared_dimension
from twoplayer.theory._checks import Array, open_unit_interval
from twoplayer.theory._strata import Integrand, strata
from twoplayer.theory.gaussian import Gaussian

__all__ = [
    "alpha_divergence", "f_divergence", "jeffrey", "jensen_shannon", "kl", "neyman", "pearson", "reverse_kl",
    "squared_hellinger", "total_variation", "triangular",
]  # fmt: skip

INFINITY = float("inf")
MAX_LOG_RATIO = 200.0
"""Log density ratio beyond which an f of the user's is continued as a power of u instead of evaluated."""


@dataclass(frozen=True)
class _Perspective:
    """The perspective (p, q) ↦ q f(p/q) as a function of log p and log q.

    Args:
        integrand: Its value where neither p nor q is zero.
        slope_at_infinity: lim f(u)/u for u → ∞, which multiplies p where q is zero.
        value_at_zero: f(0), which multiplies q where p is zero.
    """

    integrand: Integrand
    slope_at_infinity: float
    value_at_zero: float

    def __call__(self, log_p: Array, log_q: Array) -> Array:
        p_positive, q_positive = np.isfinite(log_p), np.isfinite(log_q)
        values = np.zeros_like(log_p)
        values[p_positive & q_positive] = self.integrand(log_p[p_positive & q_positive], log_q[p_positive & q_positive])
        values[p_positive & ~q_positive] = _scaled_mass(self.slope_at_infinity, log_p[p_positive & ~q_positive])
        values[~p_positive & q_positive] = _scaled_mass(self.value_at_zero, log_q[~p_positive & q_positive])
        return values


def _scaled_mass(factor: float, log_mass: Array) -> Array:
    """factor · e^log_mass; an infinite factor stays infinite where e^log_mass underflows."""
    return np.full_like(log_mass, factor) if np.isinf(factor) else factor * np.exp(log_mass)


def _divergence(p: Density, q: Density, f: _Perspective) -> float:
    if (gaussians := _as_gaussians(p, q)) and _normal.equal_covariance(*gaussians):
        p, q = _normal.project_to_line(*gaussians)
    total = 0.0
    for stratum in strata(p, q):
        p_mass, q_mass = stratum.masses
        if p_mass and q_mass:
            total += stratum.integral(f)
        else:
            total += f.slope_at_infinity * p_mass if p_mass else f.value_at_zero * q_mass
    return float(total)


def _as_gaussians(p: Density, q: Density) -> tuple[Gaussian, Gaussian] | None:
    shared_dimension(p, q)
    return (p, q) if isinstance(p, Gaussian) and isinstance(q, Gaussian) else None


def kl(p: Density, q: Density) -> float:
    """The Kullback-Leibler divergence KL(p‖q) = ∫ p ln(p/q), f(u) = u ln u.

    Args:
        p: The data's density.
        q: The model's density, of the same dimension.

    Returns:
        The divergence in nats, at least 0; ∞ where p has mass and q has none.

    Raises:
        UserError: If the dimensions differ, or there is neither a closed form nor a quadrature (more than two
            dimensions).

    >>> from twoplayer import theory
    >>> theory.kl(theory.Gaussian(0, 1), theory.Gaussian(1, 1))
    0.5
    """
    if gaussians := _as_gaussians(p, q):
        return _normal.normal_kl(*gaussians)
    # f(u) = u ln u − u + 1 has the same integral and no cancellation.
    return _divergence(p, q, _Perspective(lambda a, b: np.exp(a) * (a - b) - np.exp(a) + np.exp(b), INFINITY, 1.0))


def reverse_kl(p: Density, q: Density) -> float:
    """The reverse Kullback-Leibler divergence KL(q‖p) = ∫ q ln(q/p), f(u) = −ln u, in nats; ∞ where only q has mass.

    >>> from twoplayer import theory
    >>> round(theory.reverse_kl(theory.Gaussian(0, 1), theory.Gaussian(0, 2)), 6)
    0.806853
    """
    return kl(q, p)


def jeffrey(p: Density, q: Density) -> float:
    """Jeffrey's divergence KL(p‖q) + KL(q‖p) = ∫ (p − q) ln(p/q), f(u) = (u − 1) ln u, in nats.

    >>> from twoplayer import theory
    >>> theory.jeffrey(theory.Gaussian(0, 1), theory.Gaussian(1, 1))
    1.0
    """
    if gaussians := _as_gaussians(p, q):
        return _normal.normal_kl(*gaussians) + _normal.normal_kl(*gaussians[::-1])
    f = _Perspective(lambda a, b: (np.exp(a) - np.exp(b)) * (a - b), INFINITY, INFINITY)
    return _divergence(p, q, f)


def jensen_shannon(p: Density, q: Density, weight: float = 0.5) -> float:
    """The Jensen-Shannon divergence π KL(p‖m) + (1 − π) KL(q‖m), m = πp + (1 − π)q, f of table 6 with weight π.

    f(u) = πu ln u − (1 − π + πu) ln(1 − π + πu). The table's unweighted f(u) = u ln u − (u + 1) ln((1 + u)/2) gives
    twice the value at π = ½.

    Args:
        p: The data's density.
        q: The model's density, of the same dimension.
        weight: π, 0 < π < 1. Default ½.

    Returns:
        The divergence in nats, between 0 and ln 2.

    Raises:
        UserError: If `weight` is out of range.

    >>> from twoplayer import theory
    >>> round(theory.jensen_shannon(theory.Uniform(0, 1), theory.Uniform(2, 3)), 6)  # ln 2: disjoint supports
    0.693147
    """
    pi = open_unit_interval("the weight of a Jensen-Shannon divergence", weight)
    rest = 1 - pi

    def integrand(log_p: Array, log_q: Array) -> Array:
        mean = np.logaddexp(np.log(pi) + log_p, np.log(rest) + log_q)
        return np.asarray(pi * np.exp(log_p) * (log_p - mean) + rest * np.exp(log_q) * (log_q - mean))

    value = _divergence(p, q, _Perspective(integrand, -pi * np.log(pi), -rest * np.log(rest)))
    return max(value, 0.0)  # rounding may take it below


def total_variation(p: Density, q: Density) -> float:
    """The total variation distance ½ ∫ |p − q|, f(u) = ½ |u − 1|, between 0 and 1.

    >>> from twoplayer import theory
    >>> round(theory.total_variation(theory.Uniform(0, 2), theory.Uniform(1, 3)), 9)
    0.5
    """
    return _divergence(p, q, _Perspective(lambda a, b: np.abs(np.exp(a) - np.exp(b)) / 2, 0.5, 0.5))


def pearson(p: Density, q: Density) -> float:
    """Pearson's χ² divergence ∫ (p − q)²/q, f(u) = (u − 1)²; ∞ unless p²/q is integrable.

    >>> from twoplayer import theory
    >>> round(theory.pearson(theory.Gaussian(1, 1), theory.Gaussian(0, 1)), 6)  # e − 1
    1.718282
    """
    if gaussians := _as_gaussians(p, q):
        return _expm1(_normal.log_affinity(*gaussians, 2.0))

    def f(log_p: Array, log_q: Array) -> Array:
        ratio = log_p - log_q
        above = np.exp(log_q + 2 * np.maximum(ratio, 0)) * np.expm1(-np.abs(ratio)) ** 2
        return np.asarray(np.where(ratio > 0, above, np.exp(log_q) * np.expm1(np.minimum(ratio, 0)) ** 2))

    return _divergence(p, q, _Perspective(f, INFINITY, 1.0))


def neyman(p: Density, q: Density) -> float:
    """Neyman's χ² divergence ∫ (p − q)²/p, f(u) = (1 − u)²/u; ∞ unless q²/p is integrable."""
    return pearson(q, p)


def squared_hellinger(p: Density, q: Density) -> float:
    """The squared Hellinger distance ∫ (√p − √q)², f(u) = (√u − 1)², between 0 and 2."""
    if gaussians := _as_gaussians(p, q):
        return -2 * _expm1(_normal.log_affinity(*gaussians, 0.5))
    return _divergence(p, q, _Perspective(lambda a, b: (np.exp(a / 2) - np.exp(b / 2)) ** 2, 1.0, 1.0))


def triangular(p: Density, q: Density) -> float:
    """The triangular discrimination ∫ (p − q)²/(p + q), between 0 and 2: twice Pearson's χ² of q against (p + q)/2.

    The optimal critic of least squares estimates it (the Pearson χ² of Mao et al., 2017, section 3.2). The generator's
    gradient, with the critic held fixed, is that of another divergence: `Objective.generator_divergence`.

    Source: Vincze, 1981; Le Cam, 1986.
    """

    def f(log_p: Array, log_q: Array) -> Array:
        log_sum = np.logaddexp(log_p, log_q)
        return np.asarray(np.exp(log_sum) * np.tanh((log_p - log_q) / 2) ** 2)

    return _divergence(p, q, _Perspective(f, 1.0, 1.0))


def alpha_divergence(p: Density, q: Density, order: float) -> float:
    """The α-divergence (∫ pᵅ q¹⁻ᵅ − 1) / (α(α − 1)), f(u) = (uᵅ − 1 − α(u − 1)) / (α(α − 1)).

    Args:
        p: The data's density.
        q: The model's density, of the same dimension.
        order: α, any number but 0 and 1. α → 1 is KL(p‖q), α → 0 is KL(q‖p), 2 is half of Pearson's χ² and ½ twice the
            squared Hellinger distance. At a distance of 10⁻¹² from 0 or 1 it is as accurate as elsewhere.

    Returns:
        The divergence, at least 0, possibly ∞.

    Raises:
        UserError: If `order` is 0, 1 or not finite.

    >>> from twoplayer import theory
    >>> p, q = theory.Gaussian(1, 1), theory.Gaussian(0, 1)
    >>> round(2 * theory.alpha_divergence(p, q, 2), 6) == round(theory.pearson(p, q), 6)
    True
    """
    if order in (0, 1) or not np.isfinite(order):
        raise UserError(f"order must be a number other than 0 and 1, not {order:g}; those limits are reverse_kl and kl")
    # The order α of p against q is the order 1 − α of q against p; below ½, α alone can come near nought.
    return _low_order(p, q, order) if order <= 0.5 else _low_order(q, p, 1 - order)


def _low_order(p: Density, q: Density, order: float) -> float:
    """The α-divergence for α ≤ ½, in which uᵅ − 1 is divided by α without cancellation."""
    if gaussians := _as_gaussians(p, q):
        return _expm1(_normal.log_affinity(*gaussians, order)) / order / (order - 1)

    def f(log_p: Array, log_q: Array) -> Array:
        exponent, mass = order * (log_p - log_q), np.exp(log_q)
        power_less_mass = np.where(
            np.abs(exponent) < 1, mass * np.expm1(np.clip(exponent, -1, 1)), np.exp(log_q + exponent) - mass
        )
        return np.asarray((power_less_mass / order - (np.exp(log_p) - mass)) / (order - 1))

    return _divergence(p, q, _Perspective(f, 1 / (1 - order), 1 / order if order > 0 else INFINITY))


def _expm1(x: float) -> float:
    with np.errstate(over="ignore"):
        return float(np.expm1(x))


def f_divergence(
    p: Density,
    q: Density,
    f: Callable[[Array], Array],
    *,
    slope_at_infinity: float | None = None,
    value_at_zero: float | None = None,
) -> float:
    """∫ q f(p/q) for any convex function.

    Args:
        p: The data's density.
        q: The model's density, of the same dimension.
        f: Convex, (n,) to (n,). It is evaluated between e⁻²⁰⁰ and e²⁰⁰ and continued as a power beyond.
        slope_at_infinity: lim f(u)/u for u → ∞. By default it is read off f, which succeeds for f that approach the
            limit faster than u^0.1.
        value_at_zero: f(0). By default it is read off f, with the same restriction.

    Returns:
        The divergence.

    Raises:
        UserError: If f is not finite between e⁻²⁰⁰ and e²⁰⁰.

    >>> import numpy as np
    >>> from twoplayer import theory
    >>> round(theory.f_divergence(theory.Gaussian(1), theory.Gaussian(0), lambda u: u * np.log(u)), 6)
    0.5
    """
    slope = _slope_at_infinity(f) if slope_at_infinity is None else slope_at_infinity
    value = _value_at_zero(f) if value_at_zero is None else value_at_zero
    return _divergence(p, q, _Perspective(_continued(f), slope, value))


def _evaluate(f: Callable[[Array], Array], u: Array) -> Array:
    with np.errstate(all="ignore"):
        return np.asarray(f(u), dtype=np.float64)


def _slope_at_infinity(f: Callable[[Array], Array]) -> float:
    u = np.exp([MAX_LOG_RATIO, 1.1 * MAX_LOG_RATIO])
    first, second = _evaluate(f, u) / u
    return float(np.sign(second) * INFINITY) if abs(second) > abs(first) * (1 + 1e-6) + 1e-9 else float(second)


def _value_at_zero(f: Callable[[Array], Array]) -> float:
    zero, small = _evaluate(f, np.array([0.0, 1e-300]))
    return float(small if np.isnan(zero) else zero)


def _continued(f: Callable[[Array], Array]) -> Integrand:
    """q f(p/q) from log p and log q, with f continued as a power where its argument would overflow."""
    ends = np.array([-MAX_LOG_RATIO, -0.9 * MAX_LOG_RATIO, 0.9 * MAX_LOG_RATIO, MAX_LOG_RATIO])
    values = _evaluate(f, np.exp(ends))
    if not np.isfinite(values).all():
        raise UserError("f must be finite between exp(-200) and exp(200); write it so that it does not overflow there")
    with np.errstate(divide="ignore", invalid="ignore"):
        powers = np.nan_to_num(np.diff(np.log(np.abs(values)))[[0, 2]] / (0.1 * MAX_LOG_RATIO), posinf=0, neginf=0)

    def perspective(log_p: Array, log_q: Array) -> Array:
        ratio = log_p - log_q
        clipped = np.clip(ratio, -MAX_LOG_RATIO, MAX_LOG_RATIO)
        value = _evaluate(f, np.exp(clipped))
        with np.errstate(divide="ignore"):
            log_size = np.log(np.abs(value)) + np.where(ratio < 0, powers[0], powers[1]) * (ratio - clipped)
        return np.asarray(np.sign(value) * np.exp(log_size + log_q))

    return perspective
