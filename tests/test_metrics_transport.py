"""Wasserstein distances against POT, scipy's assignment and closed forms on the line."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from twoplayer.core.errors import UserError
from twoplayer.metrics._base import Array
from twoplayer.metrics.sliced_wasserstein import directions, sliced_wasserstein
from twoplayer.metrics.wasserstein import wasserstein


def normal(count: int, dimensions: int, seed: int, shift: float = 0.0) -> Array:
    return np.random.default_rng(seed).normal(size=(count, dimensions)) + shift


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize(("n", "m"), [(50, 50), (50, 30), (30, 50), (1, 9), (12, 18)])
def test_on_the_line_both_are_scipys(n: int, m: int, order: int) -> None:
    import ot

    a, b = normal(n, 1, 0), normal(m, 1, 1, 0.5) * 2
    expected = ot.wasserstein_1d(a[:, 0], b[:, 0], p=order) ** (1 / order)
    if order == 1:
        assert expected == pytest.approx(stats.wasserstein_distance(a[:, 0], b[:, 0]))
    assert sliced_wasserstein(a, b, order=order).value == pytest.approx(expected, rel=1e-10)
    assert wasserstein(a, b, order=order).value == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("dimensions", [2, 5, 60])
def test_sliced_agrees_with_pot_on_the_same_lines(dimensions: int, order: int) -> None:
    import ot

    a, b = normal(80, dimensions, 0), normal(60, dimensions, 1, 0.3)
    towards = directions(dimensions, 20)
    expected = ot.sliced_wasserstein_distance(a, b, projections=towards.T, p=order)
    assert sliced_wasserstein(a, b, order=order, lines=20).value == pytest.approx(float(expected), rel=1e-10)


def test_sliced_does_not_mind_in_how_many_parts_lines_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = normal(80, 4, 0), normal(60, 4, 1, 0.3)
    at_once = sliced_wasserstein(a, b, lines=50)
    monkeypatch.setattr("twoplayer.metrics.sliced_wasserstein.MAX_PROJECTIONS", 500)
    monkeypatch.setattr("twoplayer.metrics.sliced_wasserstein.ROWS", 7)
    in_parts = sliced_wasserstein(a, b, lines=50)
    assert in_parts.value == pytest.approx(at_once.value, rel=1e-12)
    assert in_parts.error == pytest.approx(at_once.error, rel=1e-12)


def test_a_shift_in_the_plane_is_seen_along_every_line() -> None:
    # W₁ of the shadows is |cos|, whose mean is 2/π; W₂² is cos², whose mean is 1/2.
    a = normal(40, 2, 0)
    shifted = a + np.array([3.0, 0.0])
    assert sliced_wasserstein(shifted, a).value == pytest.approx(3 * 2 / math.pi, rel=1e-5)
    assert sliced_wasserstein(shifted, a, order=2).value == pytest.approx(3 / math.sqrt(2), rel=1e-10)
    assert wasserstein(shifted, a).value == pytest.approx(3, rel=1e-10)
    assert wasserstein(shifted, a, order=2).value == pytest.approx(3, rel=1e-10)


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("dimensions", [2, 100])
def test_wasserstein_is_the_best_assignment(dimensions: int, order: int) -> None:
    a, b = normal(120, dimensions, 0), normal(120, dimensions, 1, 0.2)
    costs = cdist(a, b) ** order
    expected = costs[linear_sum_assignment(costs)].mean() ** (1 / order)
    assert wasserstein(a, b, order=order).value == pytest.approx(expected, rel=1e-9)


def test_more_than_memory_holds_is_refused() -> None:
    many = np.zeros((60_000, 1), np.float32)
    with pytest.raises(UserError, match=r"60,000 and 60,000 samples takes 80 GiB of memory: use at most 21,000"):
        wasserstein(many, many)


def test_same_samples_are_at_no_distance() -> None:
    a = normal(60, 7, 0, 1e3)
    for found in (wasserstein(a, a), wasserstein(a, a[::-1]), sliced_wasserstein(a, a[::-1])):
        assert found.value == pytest.approx(0, abs=1e-9)


def test_near_points_far_from_the_origin() -> None:
    # Distances by matrix products alone would be off by a third here.
    a = 1e6 + normal(50, 3, 0) * 1e-3
    b = a + np.array([1e-3, 0, 0])
    assert wasserstein(b, a, order=2).value == pytest.approx(1e-3, rel=1e-5)
