"""Kernel distances and the Vendi score against sums over pairs, torchmetrics, torch-fidelity and published vectors."""

from __future__ import annotations

import math

import numpy as np
import pytest

from twoplayer.core.errors import UserError
from twoplayer.metrics import _mmd, create
from twoplayer.metrics._base import Array, FeatureSet, ReferenceFeatures
from twoplayer.metrics._mmd import median_distance
from twoplayer.metrics.cmmd import cmmd
from twoplayer.metrics.kid import kid
from twoplayer.metrics.kid_rbf import kid_rbf
from twoplayer.metrics.vendi import vendi, vendi_of_similarities


def normal(count: int, dimensions: int, seed: int, shift: float = 0.0) -> Array:
    return np.random.default_rng(seed).normal(size=(count, dimensions)) + shift


def polynomial(a: Array, b: Array) -> Array:
    return (a @ b.T / a.shape[1] + 1) ** 3


def gaussian(width: float, a: Array, b: Array) -> Array:
    squares = ((a[:, None] - b[None]) ** 2).sum(-1)
    return np.exp(-squares / (2 * width**2))


def unbiased(a: Array, b: Array, across: Array) -> float:
    n, m = len(a), len(b)
    inside = (a.sum() - np.trace(a)) / (n * (n - 1)) + (b.sum() - np.trace(b)) / (m * (m - 1))
    return float(inside - 2 * across.mean())


@pytest.fixture(autouse=True, params=[7, 2048])
def tile(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiles that divide the sets many times, and one tile."""
    monkeypatch.setattr(_mmd, "TILE", request.param)


# ---- values


@pytest.mark.parametrize(("n", "m"), [(40, 60), (60, 40), (2, 2), (7, 14)])
def test_kid_is_the_mean_over_pairs_of_different_samples(n: int, m: int) -> None:
    a, b = normal(n, 12, 0), normal(m, 12, 1, 0.3)
    expected = unbiased(polynomial(a, a), polynomial(b, b), polynomial(a, b))
    assert kid(a, b).value == pytest.approx(expected, rel=1e-9)


def test_kid_leaves_the_diagonal_out() -> None:
    # With it the distance of samples of one distribution would be far above 0 on average.
    values = [kid(normal(30, 8, 2 * i), normal(30, 8, 2 * i + 1)).value for i in range(60)]
    a, b = normal(30, 8, 0), normal(30, 8, 1)
    biased = float(polynomial(a, a).mean() + polynomial(b, b).mean() - 2 * polynomial(a, b).mean())
    error = np.std(values) / math.sqrt(60)
    assert abs(np.mean(values)) < 4 * error
    assert biased > 10 * error


def test_kid_agrees_with_torchmetrics() -> None:
    import torch
    from torchmetrics.image.kid import poly_mmd

    a, b = normal(50, 20, 0), normal(50, 20, 1, 0.2)
    theirs = poly_mmd(torch.from_numpy(b), torch.from_numpy(a))
    assert kid(a, b).value == pytest.approx(float(theirs), rel=1e-9)


def test_kernel_distances_agree_with_torch_fidelity() -> None:
    fidelity = pytest.importorskip("torch_fidelity.metric_kid", exc_type=ImportError)
    a, b = normal(50, 20, 0), normal(50, 20, 1, 0.2)
    how = {"kid_kernel_poly_degree": 3, "kid_kernel_poly_gamma": None, "kid_kernel_poly_coef0": 1}
    assert kid(a, b).value == pytest.approx(fidelity.kernel_mmd(a, b, kid_kernel="poly", **how), rel=1e-9)
    theirs = fidelity.kernel_mmd(a, b, kid_kernel="rbf", kid_kernel_rbf_sigma=10.0)
    assert kid_rbf(a, b, width=10.0).value == pytest.approx(theirs, rel=1e-7)


def test_kid_over_subsets_is_near_that_over_all_pairs() -> None:
    a, b = normal(200, 10, 0), normal(150, 10, 1, 0.5)
    over_all, over_some = kid(a, b), kid(a, b, subsets=40, subset_size=100)
    assert kid(a, b, subsets=3).value == kid(a, b, subsets=3, subset_size=min(len(a), len(b)) // 2).value
    assert over_some.error is not None and over_all.error is not None
    assert abs(over_some.value - over_all.value) < over_some.error
    assert 0.5 < over_some.error / over_all.error < 2
    order = np.random.default_rng(0).permutation(200)
    assert kid(a[order], b, subsets=3, subset_size=60).value == pytest.approx(
        kid(a, b, subsets=3, subset_size=60).value, rel=1e-9
    )
    with pytest.raises(UserError, match="from 2 to 150"):
        kid(a, b, subsets=2, subset_size=151)


def test_kid_does_not_cancel_in_float32() -> None:
    a, b = (normal(200, 30, seed).astype(np.float32) + 5 for seed in (0, 1))
    exact = [x.astype(np.float64) for x in (a, b)]
    expected = unbiased(polynomial(exact[0], exact[0]), polynomial(exact[1], exact[1]), polynomial(*exact))
    assert kid(a, b).value == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("far", [0.0, 1e4])
def test_gaussian_kernels_are_those_of_distances(far: float) -> None:
    a, b = normal(40, 6, 0, far), normal(30, 6, 1, far + 0.4)
    expected = unbiased(gaussian(1.5, a, a), gaussian(1.5, b, b), gaussian(1.5, a, b))
    assert kid_rbf(a, b, width=1.5).value == pytest.approx(expected, rel=1e-7)


def test_the_width_is_the_median_distance_between_real_samples() -> None:
    a, b = normal(40, 6, 0), normal(30, 6, 1, 0.4)
    distances = np.sqrt(((b[:, None] - b[None]) ** 2).sum(-1))[np.triu_indices(30, 1)]
    assert median_distance(b) == pytest.approx(np.median(distances), rel=1e-12)
    assert kid_rbf(a, b).value == pytest.approx(kid_rbf(a, b, width=float(np.median(distances))).value, rel=1e-12)
    with pytest.raises(UserError, match="set the option width"):
        kid_rbf(a, np.zeros((9, 6)))


def test_cmmd_is_that_of_the_authors_code() -> None:
    # mean k(x, x') + mean k(y, y') - 2 mean k(x, y) over all pairs, gamma = 1 / (2 * 10²), times 1000
    a, b = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (normal(50, 16, 0), normal(40, 16, 1, 1.0)))
    biased = gaussian(10, a, a).mean() + gaussian(10, b, b).mean() - 2 * gaussian(10, a, b).mean()
    assert cmmd(a, b).value == pytest.approx(1000 * biased, rel=1e-8)
    exact = unbiased(gaussian(10, a, a), gaussian(10, b, b), gaussian(10, a, b))
    assert cmmd(a, b, unbiased=True).value == pytest.approx(1000 * exact, rel=1e-7)
    assert abs(cmmd(a, b).value - cmmd(a, b, unbiased=True).value) < 40 / 40


def test_a_reference_that_keeps_its_kernel_gives_the_same() -> None:
    a, b = normal(40, 6, 0), normal(30, 6, 1, 0.4)
    real = ReferenceFeatures(FeatureSet(b))
    for name, direct in (("kid", kid(a, b)), ("kid-rbf", kid_rbf(a, b)), ("cmmd", cmmd(a, b))):
        assert create(name).measure(a, real) == direct
        assert create(name).measure(a, real) == direct


# ---- the Vendi score


def test_vendi_of_published_similarities() -> None:
    points = np.array([0.0, 0.0, 10.0, 10.0, 20.0, 20.0])
    # printed as 2.9999, which cuts what follows
    assert vendi_of_similarities(np.exp(-np.abs(points[:, None] - points))) == pytest.approx(3, abs=1e-8)
    kernel = np.array([[1.0, 0.9, 0.0], [0.9, 1.0, 0.0], [0.0, 0.0, 1.0]])
    assert vendi_of_similarities(kernel) == pytest.approx(2.1573, abs=5e-5)
    with pytest.raises(UserError, match="diagonal"):
        vendi_of_similarities(kernel * 2)


@pytest.mark.parametrize("order", [0.5, 1.0, 2.0])
def test_vendi_is_the_same_from_either_side_of_the_features(order: float) -> None:
    few, many = normal(15, 40, 0), normal(40, 15, 0)
    for rows in (few, many):
        unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        assert vendi(rows, order=order).value == pytest.approx(
            vendi_of_similarities(unit @ unit.T, order=order), rel=1e-9
        )


def test_vendi_does_not_mind_in_how_many_parts_samples_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.vstack([normal(40, 15, 0), np.zeros((2, 15))])
    at_once = vendi(rows)
    monkeypatch.setattr("twoplayer.metrics.vendi.CHUNK", 9)
    assert (vendi(rows).value, vendi(rows).error) == pytest.approx((at_once.value, at_once.error), rel=1e-9)


def test_vendi_counts_orthogonal_samples() -> None:
    assert vendi(np.repeat(np.eye(6), 4, axis=0)).value == pytest.approx(6)
    assert vendi(np.tile(normal(1, 6, 0), (9, 1))).value == pytest.approx(1)
    # samples without features are one more kind
    assert vendi(np.vstack([np.eye(6), np.zeros((1, 6))])).value == pytest.approx(7)
