"""The Fréchet distance against closed forms, scipy's sqrtm and torchmetrics, where it is hard above all."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import linalg

from twoplayer.core.errors import UserError
from twoplayer.metrics._base import Array, Moments
from twoplayer.metrics._frechet import frechet_distance, influence, moment_sums, moments, moments_of_sums
from twoplayer.metrics._sums import MomentSums
from twoplayer.metrics.fd import fd
from twoplayer.metrics.fd_infinity import fd_infinity


def normal(count: int, dimensions: int, seed: int) -> Array:
    random = np.random.default_rng(seed)
    return random.normal(size=(count, dimensions)) @ random.normal(size=(dimensions, dimensions))


def by_sqrtm(a: Array, b: Array) -> float:
    first, second = (np.atleast_2d(np.cov(x, rowvar=False)) for x in (a, b))
    offset = a.mean(0) - b.mean(0)
    return float(offset @ offset + np.trace(first + second - 2 * np.real(linalg.sqrtm(first @ second))))


def positive(dimensions: int, seed: int) -> Array:
    """A symmetric positive definite matrix of condition 100."""
    random = np.random.default_rng(seed)
    basis = np.linalg.qr(random.normal(size=(dimensions, dimensions)))[0]
    return (basis * np.geomspace(0.1, 10, dimensions)) @ basis.T


# ---- closed forms


def test_normals_with_covariances_that_commute() -> None:
    # ‖μ₁ - μ₂‖² + Σ (σ₁ - σ₂)²
    a, b = moments(normal(50, 3, 0)), moments(normal(50, 3, 0) * 3 + np.array([1.0, 2.0, 3.0]))
    offset = ((b.mean - a.mean) ** 2).sum()
    assert frechet_distance(a, b) == pytest.approx(offset + 4 * np.trace(a.covariance), rel=1e-12)


@pytest.mark.parametrize("dimensions", [2, 30, 200])
def test_normals_one_of_which_is_the_other_transported(dimensions: int) -> None:
    # T positive definite is the optimal map from N(0, S) to N(0, TST), so the distance is tr (I - T) S (I - T).
    covariance, transport = positive(dimensions, 0), positive(dimensions, 1)
    change = np.eye(dimensions) - transport
    zero = np.zeros(dimensions)
    found = frechet_distance(Moments(zero, covariance), Moments(zero, transport @ covariance @ transport))
    assert found == pytest.approx(np.trace(change @ covariance @ change), rel=1e-11)


# ---- independent implementations


@pytest.mark.parametrize("dimensions", [1, 2, 16, 128])
def test_agrees_with_sqrtm(dimensions: int) -> None:
    a, b = normal(1000, dimensions, 0), normal(700, dimensions, 1) + 0.3
    assert frechet_distance(moments(a), moments(b)) == pytest.approx(by_sqrtm(a, b), rel=1e-8)
    assert fd(a, b).value == pytest.approx(by_sqrtm(a, b), rel=1e-8)


def test_agrees_with_torchmetrics() -> None:
    import torch
    from torchmetrics.image.fid import FrechetInceptionDistance

    class Features(torch.nn.Module):
        num_features = 24

        def forward(self, features: Any) -> Any:
            return features

    a, b = normal(400, 24, 0), normal(300, 24, 1) + 0.2
    theirs = FrechetInceptionDistance(feature=Features()).set_dtype(torch.float64)
    theirs.update(torch.from_numpy(a), real=False)
    theirs.update(torch.from_numpy(b), real=True)
    assert fd(a, b).value == pytest.approx(float(theirs.compute()), rel=1e-8)


def test_agrees_with_torch_fidelity() -> None:
    fidelity = pytest.importorskip("torch_fidelity.metric_fid", exc_type=ImportError)
    import torch

    a, b = normal(400, 24, 0), normal(300, 24, 1) + 0.2
    first, second = (fidelity.fid_features_to_statistics(torch.from_numpy(x)) for x in (a, b))
    theirs = fidelity.fid_statistics_to_metric(first, second, verbose=False)["frechet_inception_distance"]
    assert fd(a, b).value == pytest.approx(theirs, rel=1e-8)


# ---- where the field's code goes wrong


@pytest.mark.parametrize(("first", "second"), [(10, 500), (500, 10), (10, 12), (40, 40), (2, 2), (2, 500)])
def test_fewer_samples_than_dimensions(first: int, second: int) -> None:
    # The nuclear norm of the centred cross-Gram is the exact trace of the root (NaN in pytorch-fid#13).
    a, b = normal(first, 40, 0), normal(second, 40, 1)
    gram = (a - a.mean(0)) @ (b - b.mean(0)).T / math.sqrt((first - 1) * (second - 1))
    nuclear = np.linalg.svd(gram, compute_uv=False).sum()
    spread = a.var(0, ddof=1).sum() + b.var(0, ddof=1).sum() - 2 * nuclear
    expected = ((a.mean(0) - b.mean(0)) ** 2).sum() + spread
    assert fd(a, b).value == pytest.approx(expected, rel=1e-9)


def test_covariances_of_low_rank() -> None:
    # Rank 3 in 8 dimensions, many samples: the distance is that of the three coordinates.
    basis = np.linalg.qr(normal(8, 8, 5))[0][:3]
    a, b = normal(300, 3, 0), normal(300, 3, 1) + 1
    assert fd(a @ basis, b @ basis).value == pytest.approx(by_sqrtm(a, b), rel=1e-9)


@pytest.mark.parametrize("count", [2, 30, 300])
def test_same_samples_are_at_no_distance(count: int) -> None:
    a = normal(count, 20, 0)
    assert fd(a, a).value == pytest.approx(0, abs=1e-9 * np.trace(moments(a).covariance))


def test_a_generator_that_repeats_one_sample() -> None:
    # sqrtm gives imaginary parts there (pytorch-fid#29).
    real = normal(200, 6, 0)
    constant = np.tile(real.mean(0) + 2, (50, 1))
    assert fd(constant, real).value == pytest.approx(24 + real.var(0, ddof=1).sum(), rel=1e-10)
    assert fd(constant, constant + 1).value == pytest.approx(6)


def test_every_sample_twice() -> None:
    a, b = normal(15, 40, 0), normal(300, 40, 1)
    once = a - a.mean(0)
    root = np.vstack([once, once]) / math.sqrt(29)
    lower = np.linalg.cholesky(np.cov(b, rowvar=False))
    nuclear = np.linalg.svd(root @ lower, compute_uv=False).sum()
    expected = ((a.mean(0) - b.mean(0)) ** 2).sum() + (root**2).sum() + b.var(0, ddof=1).sum() - 2 * nuclear
    assert fd(np.vstack([a, a]), b).value == pytest.approx(expected, rel=1e-9)


def test_features_that_are_constant_or_doubled() -> None:
    real, other = normal(200, 6, 0), normal(150, 6, 1)
    dead = [np.hstack([x, np.zeros((len(x), 3)), np.full((len(x), 1), 7.0)]) for x in (other, real)]
    assert fd(*dead).value == pytest.approx(by_sqrtm(other, real), rel=1e-9)
    doubled = [np.hstack([x, x]) for x in (other, real)]
    assert fd(*doubled).value == pytest.approx(2 * by_sqrtm(other, real), rel=1e-9)


def test_float32_features_lose_nothing() -> None:
    # Eigenvalues in float32 are off by percents.
    a, b = (normal(900, 64, seed).astype(np.float32) + 100 for seed in (0, 1))
    assert fd(a, b).value == pytest.approx(by_sqrtm(a.astype(np.float64), b.astype(np.float64)), rel=1e-7)


def test_distance_is_symmetric() -> None:
    a, b = moments(normal(300, 12, 0)), moments(normal(9, 12, 1))
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a), rel=1e-10)


def test_moments_of_unequal_features_are_refused() -> None:
    with pytest.raises(UserError, match="features of 5 and 4 dimensions cannot be compared"):
        fd(normal(9, 5, 0), normal(9, 4, 0))
    with pytest.raises(UserError, match="at least 2"):
        fd(normal(1, 5, 0), normal(9, 5, 0))


# ---- sums


def test_sums_add_up_far_from_the_origin() -> None:
    # Sums of squares would leave no digit of a variance of 1 at 10⁹.
    rows = np.random.default_rng(0).normal(size=(1000, 3)) + 1e9
    parts = [MomentSums.of(rows[cut]) for cut in (slice(0, 1), slice(1, 400), slice(400, 1000))]
    total = moments_of_sums(parts[0] + parts[1] + parts[2])
    assert total.covariance == pytest.approx(np.cov(rows, rowvar=False), abs=1e-6)
    assert moment_sums(rows).count == 1000


def test_sums_do_not_mind_how_samples_are_cut() -> None:
    rows, real = normal(700, 20, 0), moments(normal(500, 20, 1))
    whole = frechet_distance(moments(rows), real)
    for size in (1, 7, 333):
        parts = [MomentSums.of(rows[start : start + size]) for start in range(0, 700, size)]
        assert frechet_distance(moments_of_sums(sum(parts[1:], parts[0])), real) == pytest.approx(whole, rel=1e-10)


# ---- what the error and the extrapolation stand on


def test_influence_is_the_derivative_by_a_samples_weight() -> None:
    rows, real = normal(80, 5, 0), moments(normal(60, 5, 1))
    found = influence(rows, real)
    assert found is not None
    value, change = found
    assert value == pytest.approx(frechet_distance(moments(rows), real), rel=1e-10)

    def weighted(weights: Array) -> float:
        share = weights / weights.sum()
        mean = share @ rows
        covariance = (share[:, None] * (rows - mean)).T @ (rows - mean) * (80 / 79)
        return frechet_distance(Moments(mean, covariance), real)

    step = 1e-4
    numerical = np.empty(80)
    for i in range(80):
        more, less = np.ones(80), np.ones(80)
        more[i] += step
        less[i] -= step
        numerical[i] = 80 * (weighted(more) - weighted(less)) / (2 * step)
    # up to the 80/79 of the unbiased covariance and a constant
    assert change - change.mean() == pytest.approx(numerical - numerical.mean(), rel=0.03, abs=0.03 * change.std())


def test_influence_is_refused_where_the_distance_is_not_linear() -> None:
    real = moments(normal(60, 5, 1))
    assert influence(normal(9, 5, 0), real) is None
    assert fd(normal(9, 5, 0), real).error is not None
    assert fd(normal(3, 5, 0), real).error is None


def test_influence_where_covariances_are_singular() -> None:
    # Dead and doubled features say nothing new: what they add to the distance, they add to its derivative.
    rows, real = normal(80, 5, 0), normal(60, 5, 1)
    alone = fd(rows, real)
    more = [np.hstack([x, x, np.zeros((len(x), 2))]) for x in (rows, real)]
    assert alone.error is not None
    assert fd(*more).value == pytest.approx(2 * alone.value, rel=1e-9)
    assert fd(*more).error == pytest.approx(2 * alone.error, rel=1e-6)
    constant = fd(np.tile(rows[:1], (40, 1)), real)
    assert constant.error == pytest.approx(0, abs=1e-12)
    assert fd(real, np.ones((9, 5))).error is not None


def test_extrapolation_takes_the_bias_away() -> None:
    # Samples of the real distribution itself, whose distance is 0: at 400 samples it looks like 1.2.
    random, real = np.random.default_rng(0), Moments(np.zeros(40), np.eye(40))
    found = [fd_infinity(random.normal(size=(400, 40)), real) for _ in range(20)]
    plain = np.mean([fd(random.normal(size=(400, 40)), real).value for _ in range(5)])
    mean, errors = np.mean([f.value for f in found]), [f.error for f in found if f.error is not None]
    assert plain > 1
    assert abs(mean) < 0.15 * plain
    assert len(errors) == 20
    assert 0.5 < np.mean(errors) / np.std([f.value for f in found], ddof=1) < 2


def test_extrapolation_does_not_mind_the_order_of_whole_numbers() -> None:
    random = np.random.default_rng(0)
    points, real = random.integers(0, 10, (300, 2)), random.integers(0, 12, (300, 2))
    found, again = (fd_infinity(rows, real) for rows in (points, points[random.permutation(300)]))
    assert (again.value, again.error) == pytest.approx((found.value, found.error), rel=1e-9)


def test_extrapolation_needs_samples() -> None:
    with pytest.raises(UserError, match="at least 100"):
        fd_infinity(normal(99, 5, 0), normal(99, 5, 1))
