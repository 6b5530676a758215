"""Exact divergences: held to closed forms, to scipy, to POT, and to the inequalities that bind them."""

from __future__ import annotations

import importlib
import inspect
import math
import pkgutil
import subprocess
import sys
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import ot
import pytest
from scipy import stats
from scipy.integrate import quad
from scipy.spatial.distance import cdist

from twoplayer import theory
from twoplayer.core.errors import UserError
from twoplayer.theory import (
    Density,
    Empirical,
    Gaussian,
    Gridded,
    Mixture,
    Potential,
    Segment,
    TransportPlan,
    Uniform,
    alpha_divergence,
    cross_entropy,
    entropy,
    f_divergence,
    grid,
    jeffrey,
    jensen_shannon,
    kantorovich_potential,
    kl,
    neyman,
    pearson,
    plan,
    reverse_kl,
    squared_hellinger,
    total_variation,
    triangular,
    wasserstein,
)

LOG_2 = math.log(2)
INFINITY = float("inf")
PAPER = Mixture([0.33, 0.67], [Gaussian(-1, 0.255), Gaussian(2, 1.415)])
TILTED = Gaussian([1, 0.5], covariance=[[1, 0.9], [0.9, 1]])
PLANE = Mixture([0.4, 0.6], [Gaussian([0, 0], [1, 0.5]), TILTED])


def only(density: Density) -> Mixture:
    """The same distribution, of which no closed form is known."""
    return Mixture([1.0], [density])


def bell(mean: float, std: float) -> Gridded:
    return Gridded(lambda x: stats.norm.pdf(x[:, 0], mean, std), mean - 12 * std, mean + 12 * std)


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


DENSITIES: dict[str, Density] = {
    "gaussian": Gaussian(0.3, 1.2),
    "mixture": PAPER,
    "uniform": Uniform(-1, 3),
    "gridded": bell(0.5, 0.7),
    "atoms": Empirical([-1.0, 0.5, 2.0], [0.2, 0.5, 0.3]),
    "both": Mixture([0.5, 0.5], [Gaussian(0, 1), Empirical([0.5, 4.0])]),
    "segment": Segment([-1.0], [0.5]),
    "plane": PLANE,
    "box": Uniform([0, -1], [1, 2]),
    "segments": Mixture([0.5, 0.5], [Segment([0, 0], [0, 1]), Segment([1, 0], [2, 2])]),
    "cloud": Empirical([[0.0, 1.0], [2.0, 1.0], [3.0, -1.0]]),
    "drawn": Gridded(lambda x: np.exp(-np.abs(x).sum(1)), [-3, -3], [3, 3], 32, normalize=True),
}
PAIRS = [(p, q) for p, q in combinations(DENSITIES, 2) if DENSITIES[p].dimension == DENSITIES[q].dimension]
LINE = [(p, q) for p, q in PAIRS if DENSITIES[p].dimension == 1]

F_DIVERGENCES: dict[str, tuple[Callable[[Density, Density], float], Callable[[np.ndarray], np.ndarray]]] = {
    "kl": (kl, lambda u: u * np.log(u)),
    "reverse_kl": (reverse_kl, lambda u: -np.log(u)),
    "jeffrey": (jeffrey, lambda u: (u - 1) * np.log(u)),
    "total_variation": (total_variation, lambda u: np.abs(u - 1) / 2),
    "pearson": (pearson, lambda u: (u - 1) ** 2),
    "neyman": (neyman, lambda u: (1 - u) ** 2 / u),
    "squared_hellinger": (squared_hellinger, lambda u: (np.sqrt(u) - 1) ** 2),
    "triangular": (triangular, lambda u: (u - 1) / (u + 1) * (u - 1)),
    "jensen_shannon": (
        lambda p, q: 2 * jensen_shannon(p, q),
        lambda u: u * np.log(u) - (u + 1) * np.log((1 + u) / 2),
    ),
    "weighted": (
        lambda p, q: jensen_shannon(p, q, 0.3),
        lambda u: 0.3 * u * np.log(u) - (0.7 + 0.3 * u) * np.log(0.7 + 0.3 * u),
    ),
    "alpha 0.3": (lambda p, q: alpha_divergence(p, q, 0.3), lambda u: (u**0.3 - 1 - 0.3 * (u - 1)) / (0.3 * -0.7)),
    "alpha 1.5": (lambda p, q: alpha_divergence(p, q, 1.5), lambda u: (u**1.5 - 1 - 1.5 * (u - 1)) / (1.5 * 0.5)),
    "alpha -1": (lambda p, q: alpha_divergence(p, q, -1), lambda u: (1 / u - 1 + (u - 1)) / 2),
}
EACH_F = pytest.mark.parametrize("name", F_DIVERGENCES)


# ---- densities


@pytest.mark.parametrize("name", DENSITIES)
def test_samples_have_the_mean_and_covariance(name: str) -> None:
    density, n = DENSITIES[name], 40_000
    x = density.sample(n, rng())
    assert x.shape == (n, density.dimension)
    assert (x == density.sample(n, rng())).all()
    deviation = np.sqrt(np.diag(density.covariance))
    np.testing.assert_allclose(x.mean(0), density.mean, atol=5 * deviation.max() / np.sqrt(n))
    np.testing.assert_allclose(np.cov(x.T).reshape(density.covariance.shape), density.covariance, atol=0.08)


@pytest.mark.parametrize("name", ["gaussian", "mixture", "uniform", "gridded", "plane", "box", "drawn"])
def test_a_grid_integrates_each_density_and_its_moments(name: str) -> None:
    density = DENSITIES[name]
    points, weights = grid(density)
    mass = weights * density.density(points)
    assert mass.sum() == pytest.approx(1, abs=1e-9 if density.dimension == 1 else 1e-7)
    np.testing.assert_allclose(mass @ points, density.mean, atol=1e-7)
    centred = points - density.mean
    np.testing.assert_allclose((mass * centred.T) @ centred, density.covariance, atol=1e-6)


@pytest.mark.parametrize("name", [n for n, d in DENSITIES.items() if d.dimension == 1])
def test_quantiles_invert_cumulative_probabilities(name: str) -> None:
    density = DENSITIES[name]
    u = np.linspace(0.013, 0.987, 41)
    x = density.quantile(u)
    assert (density.cumulative(x + 1e-9) >= u - 1e-9).all() and (density.cumulative(x - 1e-6) <= u + 1e-5).all()
    assert (np.diff(x) >= 0).all()
    whole = density.quantile(np.array([0, 1]))
    assert (whole == density.quantile(np.array([0.0, 1.0]))).all() and whole.dtype == np.float64
    assert whole[0] <= x[0] and x[-1] <= whole[1]
    for outside in (-0.01, 1.01, math.nan):
        with pytest.raises(UserError, match="probabilities"):
            density.quantile(np.array([0.5, outside]))


def test_log_densities_are_scipys() -> None:
    x = rng().normal(size=(50, 2))
    np.testing.assert_allclose(
        TILTED.log_density(x), stats.multivariate_normal(TILTED.mean, TILTED.covariance).logpdf(x), atol=1e-11
    )
    np.testing.assert_allclose(Gaussian(1, 0.2).log_density(x[:, 0]), stats.norm(1, 0.2).logpdf(x[:, 0]), atol=1e-12)
    far = PAPER.log_density(np.array([1e4]))
    assert far == pytest.approx(math.log(0.67) + stats.norm(2, 1.415).logpdf(1e4), rel=1e-12)
    assert Uniform([0, 0], [2, 4]).log_density(np.array([[1, 1], [3, 1]])).tolist() == [-math.log(8), -INFINITY]


def test_a_gridded_density_may_be_normalized() -> None:
    half = Gridded(lambda x: 3 * np.exp(-(x[:, 0] ** 2) / 2), -12, 12, normalize=True)
    assert kl(half, Gaussian()) == pytest.approx(0, abs=1e-12)
    assert half.integral == pytest.approx(3 * math.sqrt(2 * math.pi), rel=1e-12)
    kinked = Gridded(lambda x: np.exp(-np.abs(x).sum(1)), [-3, -3], [3, 4], 32, normalize=True)  # 0 is inside a panel
    exact = (2 - 2 * math.exp(-3)) * (2 - math.exp(-3) - math.exp(-4))
    assert kinked.integral == pytest.approx(exact, abs=1e-7)


# ---- f-divergences


@pytest.mark.parametrize(
    ("of", "value", "mean", "std"),
    [
        (kl, 0.2831, 1.0100, 1.8308),
        (reverse_kl, 0.2480, 1.5782, 1.6319),
        (lambda p, q: 2 * jensen_shannon(p, q), 0.1280, 1.3070, 1.7542),
        (jeffrey, 0.5705, 1.3218, 1.7034),
        (pearson, 0.6457, 0.5737, 1.9274),
    ],
    ids=["kl", "reverse_kl", "js", "jeffrey", "pearson"],
)
def test_the_best_fits_of_the_f_gan_paper(of: Callable[..., float], value: float, mean: float, std: float) -> None:
    """Nowozin et al. 2016, section 2.4 and its table of Gaussian fits: the value at the optimum, and that it is one."""
    best = of(PAPER, Gaussian(mean, std))
    assert best == pytest.approx(value, abs=5e-4)
    for d_mean, d_std in ((0.02, 0), (-0.02, 0), (0, 0.02), (0, -0.02)):
        assert of(PAPER, Gaussian(mean + d_mean, std + d_std)) > best


@pytest.mark.parametrize("name", ["kl", "reverse_kl", "jeffrey", "pearson", "neyman", "squared_hellinger", "alpha 0.3"])
@pytest.mark.parametrize(
    ("p", "q", "error"),
    [
        (Gaussian(0, 1.3), Gaussian(0.5, 1.1), 1e-12),
        (Gaussian(3, 1), Gaussian(0, 1), 1e-9),
        (Gaussian([0, 0], [1, 1.2]), Gaussian([0.5, 0], [1.1, 1]), 1e-9),
        (Gaussian([0, 0], 0.8), TILTED, 1e-7),
    ],
)
def test_quadrature_agrees_with_the_closed_forms(name: str, p: Gaussian, q: Gaussian, error: float) -> None:
    of = F_DIVERGENCES[name][0]
    for a, b in ((p, q), (q, p)):
        assert of(only(a), only(b)) == pytest.approx(of(a, b), abs=error, rel=1e-12)


def test_closed_forms_in_many_dimensions() -> None:
    """KL and Hellinger of products add and multiply."""
    p, q = Gaussian(np.zeros(5), 1.0), Gaussian(np.full(5, 0.3), 1.5)
    p1, q1 = Gaussian(0, 1), Gaussian(0.3, 1.5)
    assert kl(p, q) == pytest.approx(5 * kl(p1, q1), rel=1e-12)
    assert squared_hellinger(p, q) == pytest.approx(2 - 2 * (1 - squared_hellinger(p1, q1) / 2) ** 5, rel=1e-12)
    assert pearson(p, q) == pytest.approx((1 + pearson(p1, q1)) ** 5 - 1, rel=1e-12)
    assert alpha_divergence(p, q, 2) == pytest.approx(pearson(p, q) / 2) and alpha_divergence(
        p, q, 0.5
    ) == pytest.approx(2 * squared_hellinger(p, q))


@pytest.mark.parametrize("nearness", [1e-4, 1e-8, 1e-12, -1e-8])
@pytest.mark.parametrize(
    ("p", "q"),
    [
        (Gaussian(0.3, 1.2), Gaussian()),
        (TILTED, Gaussian([0, 0])),
        (PAPER, Gaussian(1, 1.8)),
        (only(Gaussian(0.3, 1.2)), Gaussian()),
        (Empirical([0.0, 1.0], [0.3, 0.7]), Empirical([0.0, 1.0])),
    ],
)
def test_alpha_goes_to_kl_both_ways(p: Density, q: Density, nearness: float) -> None:
    """The way there has a slope below 40 here: a lost last digit of uᵅ − 1 would be far more than that."""
    assert alpha_divergence(p, q, nearness) == pytest.approx(reverse_kl(p, q), abs=40 * abs(nearness) + 1e-12)
    assert alpha_divergence(p, q, 1 - nearness) == pytest.approx(kl(p, q), abs=40 * abs(nearness) + 1e-12)


@pytest.mark.parametrize("dimension", [1, 2, 7])
def test_gaussians_of_one_covariance_are_compared_along_a_line(dimension: int) -> None:
    factor = rng().normal(size=(dimension, dimension)) + 2 * np.eye(dimension)
    covariance, shift = factor @ factor.T, np.ones(dimension)
    distance = math.sqrt(shift @ np.linalg.solve(covariance, shift))
    p, q = Gaussian(shift, covariance=covariance), Gaussian(np.zeros(dimension), covariance=covariance)
    assert total_variation(p, q) == pytest.approx(2 * stats.norm.cdf(distance / 2) - 1, abs=1e-12)
    assert jensen_shannon(p, q) == pytest.approx(jensen_shannon(Gaussian(distance), Gaussian(0)), rel=1e-9)


def test_total_variation_in_the_plane() -> None:
    p, q = Gaussian([0, 0]), Gaussian([1, 1])
    assert total_variation(only(p), only(q)) == pytest.approx(2 * stats.norm.cdf(math.sqrt(0.5)) - 1, abs=1e-7)
    wide = Gaussian([0, 0], 2.0)  # the densities cross on a circle, r² = 8 ln 4 / 3
    cross = 8 * math.log(4) / 3
    assert total_variation(p, wide) == pytest.approx(math.exp(-cross / 8) - math.exp(-cross / 2), abs=1e-7)


def test_scipys_quadrature_finds_the_same() -> None:
    p, q = stats.norm(0, 1), stats.t(5)
    gridded = Gridded(lambda x: q.pdf(x[:, 0]), -200, 200, 2000)
    mass = q.cdf(200) - q.cdf(-200)

    def mean(x: float) -> float:
        return (p.pdf(x) + q.pdf(x) / mass) / 2

    expected = quad(lambda x: p.pdf(x) * np.log(p.pdf(x) / mean(x)), -30, 30, epsabs=1e-12)[0] / 2
    expected += (
        2 * quad(lambda x: q.pdf(x) / mass * np.log(q.pdf(x) / mass / mean(x)), 0, 200, epsabs=1e-12, limit=500)[0] / 2
    )
    assert jensen_shannon(Gaussian(), gridded) == pytest.approx(expected, abs=1e-9)


GENERAL = [(f, p, q) for f in F_DIVERGENCES for p, q in [*LINE, ("gaussian", "gaussian")]]
GENERAL += [(f, p, q) for f in ("jensen_shannon", "reverse_kl") for p, q in PAIRS if DENSITIES[p].dimension == 2]


@pytest.mark.parametrize(("name", "first", "second"), GENERAL)
def test_the_general_form_agrees_with_every_name(name: str, first: str, second: str) -> None:
    of, f = F_DIVERGENCES[name]
    p, q = DENSITIES[first], DENSITIES[second]
    assert f_divergence(p, q, f) == pytest.approx(of(p, q), rel=1e-8, abs=1e-9)


@EACH_F
def test_a_distance_to_oneself_is_nought_and_to_others_more(name: str) -> None:
    of = F_DIVERGENCES[name][0]
    for density in DENSITIES.values():
        assert of(density, density) == pytest.approx(0, abs=1e-12)
    for p, q in LINE:
        assert of(DENSITIES[p], DENSITIES[q]) > 1e-3


@pytest.mark.parametrize("of", [jeffrey, jensen_shannon, total_variation, squared_hellinger, triangular])
def test_symmetric_divergences_are(of: Callable[[Density, Density], float]) -> None:
    for p, q in LINE:
        assert of(DENSITIES[p], DENSITIES[q]) == pytest.approx(of(DENSITIES[q], DENSITIES[p]), abs=1e-12)


def test_reversed_divergences_are() -> None:
    p, q = PAPER, Gaussian(1, 2)
    assert reverse_kl(p, q) == kl(q, p) and neyman(p, q) == pearson(q, p)
    assert jensen_shannon(p, q, 0.3) == pytest.approx(jensen_shannon(q, p, 0.7), abs=1e-12)
    assert alpha_divergence(p, q, 0.3) == pytest.approx(alpha_divergence(q, p, 0.7), abs=1e-12)
    assert neyman(Gaussian(0, 0.5), q) == INFINITY and neyman(q, Gaussian(0, 0.5)) < INFINITY


def test_discrete_divergences_are_scipys_sums() -> None:
    a, b = np.array([0.2, 0.5, 0.3]), np.array([0.4, 0.1, 0.5])
    p, q = Empirical([0.0, 1.0, 2.0], a), Empirical([2.0, 1.0, 0.0], b[::-1])
    assert kl(p, q) == pytest.approx(stats.entropy(a, b), rel=1e-12)
    assert pearson(p, q) == pytest.approx(((a - b) ** 2 / b).sum(), rel=1e-12)
    assert total_variation(p, q) == pytest.approx(np.abs(a - b).sum() / 2)
    assert squared_hellinger(p, q) == pytest.approx(((np.sqrt(a) - np.sqrt(b)) ** 2).sum())
    assert triangular(p, q) == pytest.approx(((a - b) ** 2 / (a + b)).sum())
    repeated = Empirical([0.0, 1.0, 1.0, 2.0], [0.2, 0.3, 0.2, 0.3])
    assert kl(repeated, p) == pytest.approx(0, abs=1e-15)
    assert kl(q, Empirical([0.0, 1.0])) == INFINITY and kl(Empirical([1.0]), p) == pytest.approx(LOG_2)


# ---- infinities


@pytest.mark.parametrize(
    ("p", "q"),
    [
        (Uniform(0, 1), Uniform(2, 3)),
        (Uniform([0, 0], [1, 1]), Uniform([0, 2], [1, 3])),
        (Segment([0, 0], [0, 1]), Segment([0.1, 0], [0.1, 1])),
        (Segment([0, 0], [0, 1]), Segment([-0.5, 0.5], [0.5, 0.5])),
        (Segment([0, 0], [0, 1]), Segment([0, 2], [0, 3])),
        (Segment([0, 0, 0], [0, 1, 1]), Gaussian(np.zeros(3))),
        (Empirical([0.0, 1.0]), Empirical([0.5, 1.5])),
        (Empirical(np.zeros((3, 9))), Gaussian(np.zeros(9))),
        (Gaussian(0, 1), Empirical(np.arange(5.0))),
    ],
)
def test_disjoint_supports(p: Density, q: Density) -> None:
    for a, b in ((p, q), (q, p)):
        for of in (kl, reverse_kl, jeffrey, pearson, neyman, lambda a, b: alpha_divergence(a, b, 2.0)):
            assert of(a, b) == INFINITY
        assert jensen_shannon(a, b) == pytest.approx(LOG_2, abs=1e-14)
        assert total_variation(a, b) == pytest.approx(1, abs=1e-14)
        assert squared_hellinger(a, b) == pytest.approx(2) and triangular(a, b) == pytest.approx(2)
        assert alpha_divergence(a, b, 0.25) == pytest.approx(1 / (0.25 * 0.75))
        assert f_divergence(a, b, lambda u: (np.sqrt(u) - 1) ** 2) == pytest.approx(2)


@pytest.mark.parametrize("theta", [0.0, 1e-6, 0.3, -1.0])
def test_parallel_lines(theta: float) -> None:
    """Arjovsky et al. 2017, Example 1."""
    p, q = Segment([0, 0], [0, 1]), Segment([theta, 0], [theta, 1])
    there = theta != 0
    assert kl(p, q) == (INFINITY if there else 0)
    assert jensen_shannon(p, q) == pytest.approx(LOG_2 * there, abs=1e-14)
    assert total_variation(p, q) == there
    assert wasserstein(p, q) == wasserstein(q, p) == wasserstein(p, q, 2) == abs(theta)


def test_overlapping_segments_have_a_density_along_their_line() -> None:
    p, q = Segment([0, 0], [1, 2]), Segment([2, 4], [0, 0])
    assert kl(p, q) == pytest.approx(LOG_2) and kl(q, p) == INFINITY
    assert total_variation(p, q) == pytest.approx(0.5)
    mixed = Mixture([0.25, 0.75], [p, Gaussian([0, 0])])
    assert kl(p, mixed) == pytest.approx(math.log(4)) and total_variation(p, mixed) == pytest.approx(0.75)


def test_infinite_on_part_of_the_line() -> None:
    assert kl(Gaussian(), Uniform(-5, 5)) == INFINITY
    assert kl(Uniform(-5, 5), Gaussian()) == pytest.approx(25 / 6 + math.log(2 * math.pi) / 2 - math.log(10), abs=1e-12)
    assert kl(Uniform(0, 1), Uniform(0, 2)) == pytest.approx(LOG_2) and reverse_kl(Uniform(0, 1), Uniform(0, 2)) == (
        INFINITY
    )
    assert pearson(Uniform(0, 1), Uniform(0, 2)) == pytest.approx(1)


@pytest.mark.parametrize("p", [Gaussian(), only(Gaussian())], ids=["closed", "quadrature"])
def test_a_tail_too_light_for_a_number_is_mass_all_the_same(p: Density) -> None:
    """Beyond 38.6 deviations a normal density underflows."""
    q = Uniform(-40, 40)
    assert p.density(np.array([41.0])) == 0 and p.log_density(np.array([41.0])) > -INFINITY
    for of in (
        kl,
        jeffrey,
        pearson,
        lambda a, b: alpha_divergence(a, b, 2.0),
        lambda a, b: reverse_kl(b, a),
        cross_entropy,
    ):
        assert of(p, q) == INFINITY
    assert f_divergence(p, q, lambda u: u * np.log(u), slope_at_infinity=INFINITY, value_at_zero=0.0) == INFINITY
    assert kl(q, p) == pytest.approx(1600 / 6 + math.log(2 * math.pi) / 2 - math.log(80), rel=1e-12)
    assert (
        0 < jensen_shannon(p, q) < LOG_2
        and 0 < alpha_divergence(p, q, 0.5) < 4
        and math.isfinite(alpha_divergence(p, q, -0.5))
    )


@pytest.mark.parametrize("wrap", [lambda d: d, only], ids=["closed", "quadrature"])
def test_chi_squared_is_infinite_where_the_tail_of_q_is_too_light(wrap: Callable[[Gaussian], Density]) -> None:
    """∫ p²/q is finite if and only if σp² < 2σq²."""
    for std, finite in ((1.41, True), (1.42, False)):
        assert math.isfinite(pearson(wrap(Gaussian(0, std)), wrap(Gaussian(0, 1)))) == finite
        plane = wrap(Gaussian([0, 0], [1, std])), wrap(Gaussian([0, 0]))
        assert math.isfinite(pearson(*plane)) == finite
        assert math.isfinite(alpha_divergence(*plane, 2)) == finite
    assert pearson(wrap(Gaussian(0, 1.41)), wrap(Gaussian(0, 1))) == pytest.approx(5.501407780341809, rel=1e-9)
    exact = 1 / (1.41 * math.sqrt(2 - 1.41**2)) - 1
    assert pearson(wrap(Gaussian(0, 1.41)), wrap(Gaussian(0, 1))) == pytest.approx(exact, rel=1e-9)


def test_how_near_to_infinity_quadrature_follows_chi_squared() -> None:
    """The shells' limit, as the module states it."""

    def found(variance_short_of_2: float, dimension: int) -> tuple[float, float]:
        std = math.sqrt(2 - variance_short_of_2)
        p, q = Gaussian([0] * dimension, [std] + [1] * (dimension - 1)), Gaussian([0] * dimension)
        exact = 1 / (std * math.sqrt(2 - std**2)) - 1
        assert pearson(p, q) == pytest.approx(exact, rel=1e-8)
        return pearson(only(p), only(q)), exact

    for dimension, within, beyond in ((1, 1.3e-6, 1e-6), (2, 2e-3, 1e-3)):
        quadrature, exact = found(within, dimension)
        assert quadrature == pytest.approx(exact, rel=1e-8)
        assert found(beyond, dimension)[0] == INFINITY


# ---- inequalities


def random_mixture(random: np.random.Generator, dimension: int = 1) -> Mixture:
    weights = random.dirichlet([1, 1])
    means, stds = random.normal(0, 2, (2, dimension)), random.uniform(0.2, 2, (2, dimension))
    return Mixture(weights, [Gaussian(m, s) for m, s in zip(means, stds, strict=True)])


@pytest.mark.parametrize("seed", range(10))
def test_the_inequalities_between_divergences(seed: int) -> None:
    random = np.random.default_rng(seed)
    p, q, r = (random_mixture(random, 1 + (seed == 9)) for _ in range(3))
    tv, h2, js, forward = total_variation(p, q), squared_hellinger(p, q), jensen_shannon(p, q), kl(p, q)
    assert tv <= math.sqrt(forward / 2)  # Pinsker
    assert tv <= math.sqrt(1 - math.exp(-forward))  # Bretagnolle and Huber
    assert 0 < js <= LOG_2 * tv
    assert h2 / 2 <= tv <= math.sqrt(h2 * (1 - h2 / 4))
    assert h2 <= forward <= math.log1p(pearson(p, q))
    assert 2 * tv**2 <= triangular(p, q) <= 2 * tv
    if p.dimension == 1:
        for root in (lambda a, b: math.sqrt(jensen_shannon(a, b)), lambda a, b: math.sqrt(squared_hellinger(a, b))):
            assert root(p, q) <= root(p, r) + root(r, q)
        for order in (1, 2):
            assert wasserstein(p, q, order) <= wasserstein(p, r, order) + wasserstein(r, q, order) + 1e-12
        assert abs(p.mean - q.mean)[0] - 1e-12 <= wasserstein(p, q) <= wasserstein(p, q, 2)


# ---- likelihood


def test_maximum_likelihood_is_minimal_kl() -> None:
    """E_p[−ln q] = H(p) + KL(p‖q)."""
    for q in (Gaussian(1, 2), Mixture([0.5, 0.5], [Gaussian(0), Gaussian(3, 2)])):
        assert cross_entropy(PAPER, q) == pytest.approx(entropy(PAPER) + kl(PAPER, q), abs=1e-12)
    assert cross_entropy(TILTED, Gaussian([0, 0])) == pytest.approx(
        cross_entropy(only(TILTED), only(Gaussian([0, 0]))), abs=1e-9
    )
    x = rng().normal(size=100)
    assert cross_entropy(Empirical(x), Gaussian(1, 2)) == pytest.approx(-stats.norm(1, 2).logpdf(x).mean())
    p, q = Empirical([0.0, 1.0, 2.0], [0.2, 0.5, 0.3]), Empirical([0.0, 1.0, 2.0])
    assert cross_entropy(p, q) == pytest.approx(entropy(p) + kl(p, q), abs=1e-12)


def test_atoms_without_mass_say_nothing_of_a_density() -> None:
    assert cross_entropy(Empirical([0.0, 5.0], [1.0, 0.0]), Uniform(-1, 1)) == pytest.approx(LOG_2)
    assert cross_entropy(Empirical([0.0, 5.0], [0.9, 0.1]), Uniform(-1, 1)) == INFINITY


def test_entropies() -> None:
    assert entropy(TILTED) == pytest.approx(stats.multivariate_normal(TILTED.mean, TILTED.covariance).entropy())
    assert entropy(only(Gaussian(0, 3))) == pytest.approx(stats.norm(0, 3).entropy(), abs=1e-12)
    assert entropy(Empirical([1.0, 2.0, 2.0])) == pytest.approx(stats.entropy([1, 2]))
    assert entropy(Uniform([0, 0], [2, 3])) == pytest.approx(math.log(6))
    assert entropy(Segment([0, 0], [3, 4])) == pytest.approx(math.log(5))
    assert cross_entropy(Gaussian(), Uniform(0, 1)) == INFINITY == cross_entropy(Segment([0, 0], [1, 0]), TILTED)
    with pytest.raises(UserError, match="compute the parts separately"):
        entropy(DENSITIES["both"])


def test_the_value_of_the_game_at_the_best_critic() -> None:
    """V(G, D*) = −ln 4 + 2 JSD, Goodfellow et al. 2014, equation 6, on the public grid."""
    p, q = PAPER, Gaussian(1, 2)
    points, weights = grid(p, q)
    at_p, at_q = p.density(points), q.density(points)
    best = at_p / (at_p + at_q)
    value = weights @ (at_p * np.log(best) + at_q * np.log1p(-best))
    assert value == pytest.approx(2 * jensen_shannon(p, q) - math.log(4), abs=1e-12)


@pytest.mark.parametrize(
    ("p", "q", "halvings", "error"), [(PAPER, Gaussian(1, 2), 30, 1e-12), (PLANE, Gaussian([1, 0], 1.5), 6, 1e-6)]
)
def test_a_halved_grid_resolves_crossings(p: Density, q: Density, halvings: int, error: float) -> None:
    def tv(halvings: int) -> float:
        points, weights = grid(p, q, halvings=halvings)
        return weights @ np.abs(p.density(points) - q.density(points)) / 2

    exact = total_variation(p, q)
    assert abs(tv(halvings) - exact) < error < abs(tv(0) - exact)


# ---- transport


def test_wasserstein_on_the_line_is_scipys() -> None:
    random = rng()
    x, y, a, b = random.normal(size=30), random.normal(1, 2, 40), random.dirichlet(np.ones(30)), None
    p, q = Empirical(x, a), Empirical(y, b)
    assert wasserstein(p, q) == pytest.approx(stats.wasserstein_distance(x, y, a, b), rel=1e-12)
    assert wasserstein(p, q, 2) == pytest.approx(math.sqrt(ot.emd2_1d(x, y, a, np.full(40, 1 / 40))), rel=1e-10)


@pytest.mark.parametrize(("first", "second"), LINE)
def test_wasserstein_on_the_line_against_quantiles(first: str, second: str) -> None:
    p, q = DENSITIES[first], DENSITIES[second]
    u = (np.arange(20_000) + 0.5) / 20_000
    gaps = np.abs(p.quantile(u) - q.quantile(u))
    assert wasserstein(p, q) == pytest.approx(gaps.mean(), abs=3e-4)
    assert wasserstein(p, q, 2) == pytest.approx(math.sqrt((gaps**2).mean()), abs=2e-3)
    assert wasserstein(p, q) == pytest.approx(wasserstein(q, p), abs=1e-10)


def test_wasserstein_in_closed_form() -> None:
    assert wasserstein(Gaussian(0, 1), Gaussian(1, 2), 2) == pytest.approx(math.sqrt(2), abs=1e-12)
    assert wasserstein(Gaussian(0, 1), Gaussian(0, 3)) == pytest.approx(2 * math.sqrt(2 / math.pi), abs=1e-12)
    assert wasserstein(Uniform(0, 1), Empirical([0.5])) == pytest.approx(0.25, abs=1e-14)
    assert wasserstein(Uniform(0, 1), Empirical([0.5]), 2) == pytest.approx(math.sqrt(1 / 12), abs=1e-12)
    assert wasserstein(Uniform(0, 1), Uniform(0, 3), 2) == pytest.approx(2 / math.sqrt(3), abs=1e-12)
    moved = Mixture([0.4, 0.6], [Gaussian([3, 4], [1, 0.5]), Gaussian([4, 4.5], covariance=TILTED.covariance)])
    assert wasserstein(PLANE, moved) == pytest.approx(5) == wasserstein(PLANE, moved, 2)
    p, q = Gaussian([0, 1], covariance=[[2, 0.3], [0.3, 1]]), TILTED
    reference = ot.gaussian.bures_wasserstein_distance(p.mean, q.mean, p.covariance, q.covariance)
    assert wasserstein(p, q, 2) == pytest.approx(float(reference), rel=1e-9)
    assert wasserstein(only(Gaussian(0, 1)), Gaussian(1, 2), 2) == pytest.approx(math.sqrt(2), abs=1e-9)


def test_plans_are_pots() -> None:
    random = rng()
    x, y = random.normal(size=(12, 3)), random.normal(1, 1, (9, 3))
    a = random.dirichlet(np.ones(12))
    p, q = Empirical(x, a), Empirical(y)
    for order in (1, 2):
        found = plan(p, q, order)
        costs = cdist(x, y, "euclidean" if order == 1 else "sqeuclidean")
        assert found.cost == pytest.approx(ot.emd2(a, np.full(9, 1 / 9), costs), rel=1e-9)
        assert found.cost == pytest.approx((found.matrix * costs).sum())
        assert wasserstein(p, q, order) == pytest.approx(found.cost ** (1 / order))
        np.testing.assert_allclose(found.matrix.sum(1), a, atol=1e-12)
    pile = plan(Empirical([0.0, 1.0], [0.75, 0.25]), Empirical([2.0, 3.0]))
    assert pile.cost == pytest.approx(2.25) == wasserstein(pile.source, pile.target)


def test_samples_estimate_what_has_no_exact_distance() -> None:
    p, q = Gaussian([0, 0]), Gaussian([3, 0], [1, 1.0001])
    estimate = wasserstein(p, q, samples=300, rng=rng())
    assert estimate == wasserstein(p, q, samples=300, rng=rng()) == pytest.approx(3, abs=0.3)
    box = wasserstein(Uniform([0, 0], [1, 1]), Empirical([[0.5, 0.5]]), 2, samples=2000, rng=rng())
    assert box == pytest.approx(math.sqrt(1 / 6), abs=0.02)


@pytest.mark.parametrize(("first", "second"), LINE)
def test_a_potential_attains_the_distance(first: str, second: str) -> None:
    p, q = DENSITIES[first], DENSITIES[second]
    phi = kantorovich_potential(p, q)
    assert (np.abs(np.diff(phi.values)) <= np.diff(phi.knots) * (1 + 1e-12)).all()
    assert expectation(p, phi) - expectation(q, phi) == pytest.approx(wasserstein(p, q), abs=1e-5)


def expectation(density: Density, phi: Potential) -> float:
    total = 0.0
    for weight, piece in density.pieces():
        if isinstance(piece, Empirical):
            total += weight * (piece.weights @ phi(piece.samples))
        else:
            edges = np.union1d(np.linspace(-20, 20, 4001), np.union1d(piece.edges(0), phi.knots))
            middle = (edges[1:] + edges[:-1]) / 2
            total += weight * (np.diff(piece.cumulative(edges)) @ phi(middle))
    return total


# ---- bad input


ATOMS, BELL = Empirical([0.0, 1.0]), Gaussian()
ARRAY: Any = np.zeros(3)  # what a type checker would refuse, and a notebook does not


TWO_SIDED: list[Callable[[Any, Any], object]] = [
    kl, reverse_kl, jeffrey, jensen_shannon, total_variation, pearson, neyman, squared_hellinger, triangular,
    cross_entropy, wasserstein, plan, kantorovich_potential,
]  # fmt: skip


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: alpha_divergence(BELL, BELL, 0), "other than 0 and 1"),
        (lambda: alpha_divergence(BELL, BELL, 1), "other than 0 and 1"),
        (lambda: alpha_divergence(BELL, BELL, math.nan), "other than 0 and 1"),
        (lambda: jensen_shannon(BELL, BELL, 0), "strictly between 0 and 1"),
        (lambda: jensen_shannon(BELL, BELL, 1), "strictly between 0 and 1"),
        (lambda: jensen_shannon(BELL, BELL, math.nan), "strictly between 0 and 1"),
        (lambda: Gridded(lambda x: np.exp(-(x[:, 0] ** 2)), -9, 9), "integrates to 1.77245"),
        (lambda: Gridded(lambda x: 0 * x[:, 0], -9, 9), "zero on the whole grid"),
        (lambda: Gridded(lambda x: x[:, 0], -9, 9), "not negative"),
        (lambda: Gridded(lambda x: np.full(len(x), np.nan), -9, 9), "finite values"),
        (lambda: Gridded(lambda x: x, -9, 9), "one value for each point"),
        (lambda: Gridded(lambda x: x[:, 0], 9, -9), "above the lower one"),
        (lambda: Gridded(lambda x: x[:, 0], [0] * 3, [1] * 3), "one or two dimensions"),
        (lambda: Gridded(lambda x: x[:, 0], 0, 1, 0), "at least 1"),
        (lambda: kl(BELL, Gaussian([0, 0])), "same space, and these have 1 and 2 dimensions"),
        (lambda: total_variation(Gaussian([0, 0]), BELL), "same space"),
        (lambda: wasserstein(ATOMS, Empirical([[0.0, 1.0]])), "same space"),
        (lambda: plan(ATOMS, Empirical([[0.0, 1.0]])), "same space"),
        (lambda: Mixture([0.5, 0.5], [BELL, Gaussian([0, 0])]), "same space"),
        (
            lambda: Uniform([0, 0], [1]),
            "the lower corner and the upper corner .* not 2 and 1",
        ),
        (
            lambda: Gridded(lambda x: x[:, 0], 0, [1, 1]),
            "the same number of coordinates, not 1 and 2",
        ),
        (
            lambda: Segment([0, 0], [1]),
            "the start of a segment and the end of .* not 2 and 1",
        ),
        *[(lambda of=of: of(ARRAY, BELL), "type ndarray; wrap samples in Empirical") for of in TWO_SIDED],
        *[(lambda of=of: of(BELL, ARRAY), "type ndarray; wrap samples in Empirical") for of in TWO_SIDED],
        (lambda: entropy(ARRAY), "wrap samples in Empirical"),
        (lambda: grid(BELL, ARRAY), "wrap samples in Empirical"),
        (lambda: alpha_divergence(BELL, ARRAY, 0.3), "wrap samples in Empirical"),
        (lambda: f_divergence(ARRAY, BELL, np.square), "wrap samples in Empirical"),
        (lambda: Mixture([1.0], [ARRAY]), "wrap samples in Empirical"),
        (lambda: Mixture([0.4, 0.3, 0.3], ARRAY), "wrap samples in Empirical"),
        (lambda: Gaussian(0, 1e-200), "between 1e-150 and 1e[+]150"),
        (lambda: Gaussian([0, 0], [1, 1e200]), "between 1e-150 and 1e[+]150"),
        (lambda: Gaussian([0, 0], covariance=[[1, 1], [1, 1 + 1e-17]]), "positive definite"),
        (lambda: Empirical([0.0], [math.nan]), "values of the weights are not finite"),
        (lambda: Empirical([0.0, math.nan]), "not finite"),
        (lambda: Empirical([[0.0, math.inf]]), "not finite"),
        (lambda: Empirical([]), r"shape \(n, d\)"),
        (lambda: Empirical(["a"]), "must be numbers"),
        (lambda: Empirical([0.0, 1.0], [0.5, 0.6]), "sum to one, not to 1.1"),
        (lambda: Empirical([0.0, 1.0], [-0.5, 1.5]), "must not be negative"),
        (lambda: Empirical([0.0, 1.0], [1.0]), "2 numbers"),
        (lambda: Mixture([0.5, 0.6], [BELL, BELL]), "sum to one"),
        (lambda: Mixture([], []), "at least one component"),
        (lambda: Gaussian(0, 0), "must be positive, not 0"),
        (lambda: Gaussian(0, -1), "must be positive, not -1"),
        (lambda: Gaussian(math.nan), "not finite"),
        (lambda: Gaussian([0, 0], [1, 1, 1]), "one number or 2"),
        (lambda: Gaussian(0, 1, 1), "not both"),
        (lambda: Gaussian([0, 0], covariance=[[1, 2], [2, 1]]), "positive definite"),
        (lambda: Gaussian([0, 0], covariance=[[1, 2], [0, 1]]), "symmetric"),
        (lambda: Gaussian([[0, 0]]), "a number or a vector"),
        (lambda: Uniform(1, 1), "above the lower one"),
        (lambda: Segment([0, 0], [0, 0]), "two different ends"),
        (lambda: Segment([0, 0], [0, 1]).log_density(np.zeros((1, 2))), "no density"),
        (lambda: ATOMS.log_density(np.zeros(1)), "no density"),
        (lambda: BELL.log_density(np.zeros((3, 2))), r"points of shape \(n, 1\)"),
        (lambda: Gaussian([0, 0]).cumulative(np.zeros(1)), "density on the line"),
        (lambda: jensen_shannon(Gaussian([0] * 3), Gaussian([0] * 3, 2)), "wasserstein with samples="),
        (lambda: wasserstein(PLANE, TILTED), "pass samples="),
        (lambda: wasserstein(BELL, BELL, 3), "1 or 2"),
        (lambda: plan(BELL, ATOMS), "draw samples"),
        (lambda: kantorovich_potential(PLANE, TILTED), "density on the line"),
        (lambda: TransportPlan(np.eye(2), 0.0, ATOMS, ATOMS), "must sum to the weights"),
        (lambda: TransportPlan(np.ones((1, 2)), 0.0, ATOMS, ATOMS), r"shape \(2, 2\)"),
        (lambda: grid(), "one continuous density"),
        (lambda: grid(BELL, ATOMS), "one continuous density"),
        (lambda: grid(Gaussian([0] * 3)), "one or two dimensions"),
        (lambda: f_divergence(BELL, Uniform(0, 1), np.exp), "finite between"),
    ],
)
def test_mistakes_are_told_in_one_sentence(make: Callable[[], object], words: str) -> None:
    with pytest.raises(UserError, match=words) as found:
        make()
    assert "\n" not in str(found.value) and not str(found.value).endswith(".")


def test_what_modules_share_is_in_their_lists() -> None:
    for found in pkgutil.iter_modules(theory.__path__):
        module = importlib.import_module(f"{theory.__name__}.{found.name}")
        own = {
            name
            for name, thing in vars(module).items()
            if (inspect.isfunction(thing) or inspect.isclass(thing)) and thing.__module__ == module.__name__
        }
        assert {name for name in own if not name.startswith("_")} <= set(module.__all__), found.name


def test_importing_theory_is_cheap() -> None:
    source = str(Path(theory.__file__).parents[2])
    code = "import sys, twoplayer.theory; print([m for m in ('torch', 'scipy', 'ot') if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60,
                           env={"PYTHONPATH": source, "OMP_NUM_THREADS": "1"})  # fmt: skip
    assert found.stdout.strip() == "[]"
