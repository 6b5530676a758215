"""f-divergences between any two densities, in nats where logarithms enter.

Source: Nowozin, Cseke and Tomioka, 2016, "f-GAN: Training generative neural samplers using variational divergence
minimization", equation 2 and table 6: D_f(p‖q) = ∫ q f(p/q), p the data and q the model. Where q is zero the integrand
is p · lim f(u)/u, where p is zero it is q · f(0) (Liese and Vajda, 2006, "On divergences and informations in
statistics and information theory", equation 8), so that disjoint supports give infinity where it belongs.

Between Gaussians closed forms are used, else adaptive Gauss-Legendre quadrature: in one dimension right to 1e-9 or
better, in two to 1e-7, on mixtures of Gaussians with panels no coarser than their deviations. Quadrature looks as far
as 1024 times the reach of the densities (twelve deviations of a Gaussian), in two dimensions 64 times, and calls an
integral infinite that has not died out there. So χ² and its like are given as infinite a little before they are: that
of N(0, σ²) against N(0, 1), finite for σ² < 2, from about σ² = 2 − 10⁻⁶ on, where it is 706 (in two dimensions from
about 2 − 10⁻³ on, where it is 21). Between two plain Gaussians the closed form has no such limit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from twoplayer.core.errors import UserError
from twoplayer.theory import _normal
from twoplayer.theory._base import Density, one_space
from twoplayer.theory._checks import Array, inside
from twoplayer.theory._strata import Integrand, strata
from twoplayer.theory.gaussian import Gaussian

__all__ = [
    "alpha", "f_divergence", "jeffrey", "jensen_shannon", "kl", "neyman", "pearson", "reverse_kl",
    "squared_hellinger", "total_variation", "triangular",
]  # fmt: skip

INFINITY = float("inf")
FAR = 200.0
"""Log density ratio beyond which an f of the user's is continued as a power of u instead of evaluated."""


@dataclass(frozen=True)
class _Perspective:
    """(p, q) ↦ q f(p/q), in logarithms: `both` where neither is zero, with lim f(u)/u and f(0) for where one is."""

    both: Integrand
    slope: float
    start: float

    def __call__(self, log_p: Array, log_q: Array) -> Array:
        on_p, on_q = np.isfinite(log_p), np.isfinite(log_q)
        found = np.zeros_like(log_p)
        found[on_p & on_q] = self.both(log_p[on_p & on_q], log_q[on_p & on_q])
        found[on_p & ~on_q] = _times(self.slope, log_p[on_p & ~on_q])
        found[~on_p & on_q] = _times(self.start, log_q[~on_p & on_q])
        return found


def _times(factor: float, log_mass: Array) -> Array:
    """factor · mass, where there is mass: an infinite factor stays so where e^log_mass underflows."""
    return np.full_like(log_mass, factor) if np.isinf(factor) else factor * np.exp(log_mass)


def _divergence(p: Density, q: Density, f: _Perspective) -> float:
    if (both := _normals(p, q)) and _normal.same_spread(*both):
        p, q = _normal.on_their_line(*both)
    total = 0.0
    for stratum in strata(p, q):
        on_p, on_q = stratum.mass
        if on_p and on_q:
            total += stratum.integral(f)
        else:
            total += f.slope * on_p if on_p else f.start * on_q
    return float(total)


def _normals(p: Density, q: Density) -> tuple[Gaussian, Gaussian] | None:
    one_space(p, q)
    return (p, q) if isinstance(p, Gaussian) and isinstance(q, Gaussian) else None


def kl(p: Density, q: Density) -> float:
    """KL(p‖q) = ∫ p ln(p/q), f(u) = u ln u, in nats; ∞ where p has mass and q has none.

    >>> from twoplayer.theory import Gaussian
    >>> kl(Gaussian(1.0), Gaussian(0.0))
    0.5
    """
    if both := _normals(p, q):
        return _normal.normal_kl(*both)
    # f(u) = u ln u − u + 1 has the same integral and no cancellation.
    return _divergence(p, q, _Perspective(lambda a, b: np.exp(a) * (a - b) - np.exp(a) + np.exp(b), INFINITY, 1.0))


def reverse_kl(p: Density, q: Density) -> float:
    """KL(q‖p) = ∫ q ln(q/p), f(u) = −ln u, in nats; ∞ where q has mass and p has none."""
    return kl(q, p)


def jeffrey(p: Density, q: Density) -> float:
    """KL(p‖q) + KL(q‖p) = ∫ (p − q) ln(p/q), f(u) = (u − 1) ln u, in nats."""
    if both := _normals(p, q):
        return _normal.normal_kl(*both) + _normal.normal_kl(*both[::-1])
    f = _Perspective(lambda a, b: (np.exp(a) - np.exp(b)) * (a - b), INFINITY, INFINITY)
    return _divergence(p, q, f)


def jensen_shannon(p: Density, q: Density, weight: float = 0.5) -> float:
    """weight · KL(p‖m) + (1 − weight) · KL(q‖m) with m = weight p + (1 − weight) q, in nats, at most ln 2.

    f(u) = πu ln u − (1−π+πu) ln(1−π+πu), the weighted Jensen-Shannon divergence of table 6 with π = `weight`.
    The same table's unweighted f(u) = u ln u − (u+1) ln((1+u)/2) gives twice the value at π = ½.
    Raises `UserError` unless 0 < weight < 1.
    """
    share = inside("the weight of a Jensen-Shannon divergence", weight)
    rest = 1 - share

    def both(log_p: Array, log_q: Array) -> Array:
        mean = np.logaddexp(np.log(share) + log_p, np.log(rest) + log_q)
        return np.asarray(share * np.exp(log_p) * (log_p - mean) + rest * np.exp(log_q) * (log_q - mean))

    value = _divergence(p, q, _Perspective(both, -share * np.log(share), -rest * np.log(rest)))
    return max(value, 0.0)  # rounding may take it below


def total_variation(p: Density, q: Density) -> float:
    """½ ∫ |p − q|, f(u) = ½ |u − 1|, between 0 and 1."""
    return _divergence(p, q, _Perspective(lambda a, b: np.abs(np.exp(a) - np.exp(b)) / 2, 0.5, 0.5))


def pearson(p: Density, q: Density) -> float:
    """Pearson's χ²: ∫ (p − q)²/q, f(u) = (u − 1)²; ∞ unless p²/q can be integrated."""
    if both := _normals(p, q):
        return _expm1(_normal.log_affinity(*both, 2.0))

    def f(log_p: Array, log_q: Array) -> Array:
        ratio = log_p - log_q
        above = np.exp(log_q + 2 * np.maximum(ratio, 0)) * np.expm1(-np.abs(ratio)) ** 2
        return np.asarray(np.where(ratio > 0, above, np.exp(log_q) * np.expm1(np.minimum(ratio, 0)) ** 2))

    return _divergence(p, q, _Perspective(f, INFINITY, 1.0))


def neyman(p: Density, q: Density) -> float:
    """Neyman's χ²: ∫ (p − q)²/p, f(u) = (1 − u)²/u; ∞ unless q²/p can be integrated."""
    return pearson(q, p)


def squared_hellinger(p: Density, q: Density) -> float:
    """∫ (√p − √q)², f(u) = (√u − 1)², between 0 and 2."""
    if both := _normals(p, q):
        return -2 * _expm1(_normal.log_affinity(*both, 0.5))
    return _divergence(p, q, _Perspective(lambda a, b: (np.exp(a / 2) - np.exp(b / 2)) ** 2, 1.0, 1.0))


def triangular(p: Density, q: Density) -> float:
    """∫ (p − q)²/(p + q), between 0 and 2 (Vincze, 1981; Le Cam, 1986): twice Pearson's χ² of q against (p + q)/2.

    It is what the best critic of least squares estimates (the Pearson χ² of Mao et al., 2017, section 3.2). The
    generator's gradient, the critic held fixed, is that of another divergence: `Objective.generator_divergence`.
    """

    def f(log_p: Array, log_q: Array) -> Array:
        sum_ = np.logaddexp(log_p, log_q)
        return np.asarray(np.exp(sum_) * np.tanh((log_p - log_q) / 2) ** 2)

    return _divergence(p, q, _Perspective(f, 1.0, 1.0))


def alpha(p: Density, q: Density, alpha: float) -> float:
    """(∫ pᵅ q¹⁻ᵅ − 1) / (α(α−1)), f(u) = (uᵅ − 1 − α(u − 1)) / (α(α−1)).

    α → 1 is KL(p‖q), α → 0 is KL(q‖p), 2 is half of Pearson's χ² and ½ twice the squared Hellinger distance. It is as
    precise at α = 10⁻¹² from either limit as elsewhere. Raises `UserError` for α of 0 or 1, or one that is not finite.
    """
    if alpha in (0, 1) or not np.isfinite(alpha):
        raise UserError(f"alpha must be a number other than 0 and 1, not {alpha:g}; those limits are reverse_kl and kl")
    # The order α of p against q is the order 1 − α of q against p; below ½, α alone can come near nought.
    return _low_order(p, q, alpha) if alpha <= 0.5 else _low_order(q, p, 1 - alpha)


def _low_order(p: Density, q: Density, alpha: float) -> float:
    """The α-divergence for α ≤ ½, in which uᵅ − 1 is divided by α without cancellation."""
    if both := _normals(p, q):
        return _expm1(_normal.log_affinity(*both, alpha)) / alpha / (alpha - 1)

    def f(log_p: Array, log_q: Array) -> Array:
        power, mass = alpha * (log_p - log_q), np.exp(log_q)
        grown = np.where(np.abs(power) < 1, mass * np.expm1(np.clip(power, -1, 1)), np.exp(log_q + power) - mass)
        return np.asarray((grown / alpha - (np.exp(log_p) - mass)) / (alpha - 1))

    return _divergence(p, q, _Perspective(f, 1 / (1 - alpha), 1 / alpha if alpha > 0 else INFINITY))


def _expm1(x: float) -> float:
    with np.errstate(over="ignore"):
        return float(np.expm1(x))


def f_divergence(
    p: Density, q: Density, f: Callable[[Array], Array], *, slope: float | None = None, start: float | None = None
) -> float:
    """∫ q f(p/q) for a convex `f` of the user's, (n,) to (n,).

    `slope` is lim f(u)/u for u → ∞ and `start` is f(0); both are read off f when not given, which succeeds for f that
    approach them faster than u^0.1. f is evaluated between e⁻²⁰⁰ and e²⁰⁰ and continued as a power beyond. Raises
    `UserError` when f is not finite there.
    """
    slope = _slope(f) if slope is None else slope
    start = _start(f) if start is None else start
    return _divergence(p, q, _Perspective(_continued(f), slope, start))


def _at(f: Callable[[Array], Array], u: Array) -> Array:
    with np.errstate(all="ignore"):
        return np.asarray(f(u), dtype=np.float64)


def _slope(f: Callable[[Array], Array]) -> float:
    u = np.exp([FAR, 1.1 * FAR])
    near, far = _at(f, u) / u
    return float(np.sign(far) * INFINITY) if abs(far) > abs(near) * (1 + 1e-6) + 1e-9 else float(far)


def _start(f: Callable[[Array], Array]) -> float:
    zero, small = _at(f, np.array([0.0, 1e-300]))
    return float(small if np.isnan(zero) else zero)


def _continued(f: Callable[[Array], Array]) -> Integrand:
    """q f(p/q) from the logarithms of p and q, with f continued as a power where its argument would overflow."""
    ends = np.array([-FAR, -0.9 * FAR, 0.9 * FAR, FAR])
    values = _at(f, np.exp(ends))
    if not np.isfinite(values).all():
        raise UserError("f must be finite between exp(-200) and exp(200); write it so that it does not overflow there")
    with np.errstate(divide="ignore", invalid="ignore"):
        powers = np.nan_to_num(np.diff(np.log(np.abs(values)))[[0, 2]] / (0.1 * FAR), posinf=0, neginf=0)

    def perspective(log_p: Array, log_q: Array) -> Array:
        ratio = log_p - log_q
        known = np.clip(ratio, -FAR, FAR)
        value = _at(f, np.exp(known))
        with np.errstate(divide="ignore"):
            size = np.log(np.abs(value)) + np.where(ratio < 0, powers[0], powers[1]) * (ratio - known)
        return np.asarray(np.sign(value) * np.exp(size + log_q))

    return perspective
