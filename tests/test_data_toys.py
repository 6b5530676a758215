"""Toy sources: samples follow their densities, which integrate to one; options are checked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from twoplayer import data
from twoplayer.core.errors import UserError
from twoplayer.data._base import DataSettings, ToyDensity

SETTINGS = DataSettings(seed=3)


def density(name: str, **options: Any) -> ToyDensity:
    found = data.load(name, SETTINGS, count=10, **options).density
    assert found is not None
    return found


def on_grid(density: ToyDensity, half: float, steps: int) -> tuple[np.ndarray, np.ndarray, float]:
    ticks = (np.arange(steps) + 0.5) / steps * 2 * half - half
    points = np.stack(np.meshgrid(ticks, ticks, indexing="ij"), axis=-1).reshape(-1, 2)
    return points, np.exp(density.log_density(points)), (2 * half / steps) ** 2


PLANAR = [
    ("ring", {"deviation": 0.2, "weights": [1, 2, 3, 4, 0, 1, 1, 1]}, 3.0),
    ("grid", {"deviation": 0.3, "modes": 9}, 5.0),
    ("spiral", {"deviation": 0.1, "arms": 3, "turns": 1.0}, 2.5),
    ("moons", {"deviation": 0.15}, 4.0),
]


@pytest.mark.parametrize(("name", "options", "half"), PLANAR)
def test_density_integrates_to_one(name: str, options: dict[str, Any], half: float) -> None:
    _, values, area = on_grid(density(name, **options), half, 200)
    assert values.sum() * area == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(("name", "options", "half"), PLANAR)
def test_samples_have_the_moments_of_the_density(name: str, options: dict[str, Any], half: float) -> None:
    exact = density(name, **options)
    points, values, area = on_grid(exact, half, 200)
    mean = (points * values[:, None]).sum(0) * area
    second = np.einsum("ni,nj,n->ij", points, points, values) * area
    drawn = exact.sample(200_000, np.random.default_rng(0)).astype(np.float64)
    assert np.allclose(drawn.mean(0), mean, atol=0.03)
    assert np.allclose(drawn.T @ drawn / len(drawn), second, atol=0.05)


def test_ring_density_is_scipys() -> None:
    exact = density("ring", deviation=0.3)
    assert exact.modes is not None
    assert np.allclose(np.linalg.norm(exact.modes, axis=1), 1)
    points = np.random.default_rng(0).normal(size=(50, 2))
    wanted = np.mean([stats.multivariate_normal(c, 0.09).pdf(points) for c in exact.modes], axis=0)
    assert np.allclose(np.exp(exact.log_density(points)), wanted)


@pytest.mark.parametrize("name", ["spiral", "moons"])
def test_curve_density_does_not_depend_on_the_quadrature(name: str) -> None:
    # A dense midpoint rule with the path written out again.
    v = (np.arange(200_000) + 0.5) / 200_000
    if name == "moons":
        angle = np.pi * v
        curves = [(np.cos(angle), np.sin(angle)), (1 - np.cos(angle), 0.5 - np.sin(angle))]
        weights = np.ones_like(v)
    else:
        angle = 3 * np.pi * v
        curves = [(s * v * np.cos(angle), s * v * np.sin(angle)) for s in (1, -1)]
        weights = 2 * v
    exact = density(name, deviation=0.03)
    points = exact.sample(20, np.random.default_rng(1)).astype(np.float64)
    wanted = [
        np.mean([np.mean(weights * np.exp(-((p[0] - x) ** 2 + (p[1] - y) ** 2) / 0.0018)) for x, y in curves])
        / (2 * np.pi * 0.0009)
        for p in points
    ]
    assert np.allclose(np.exp(exact.log_density(points)), wanted, rtol=1e-6)


def test_defaults_are_pacgans_protocol() -> None:
    ring, grid = data.load("ring", SETTINGS), data.load("grid", SETTINGS)
    assert ring.train.shape == (100_000, 2)
    assert ring.train.dtype == np.float32
    assert ring.held_out.shape == (10_000, 2)
    assert ring.density is not None
    assert ring.density.mode_deviation == 0.01
    assert grid.density is not None
    assert grid.density.mode_deviation == 0.05
    assert grid.density.modes is not None
    assert sorted(map(tuple, grid.density.modes)) == [(x, y) for x in (-4, -2, 0, 2, 4) for y in (-4, -2, 0, 2, 4)]


def test_ring_modes_are_as_likely_as_their_weights() -> None:
    opened = data.load("ring", SETTINGS, modes=3, weights=[1, 0, 3])
    assert opened.density is not None
    assert opened.density.modes is not None
    assert opened.density.mode_weights == pytest.approx([0.25, 0, 0.75])
    nearest = np.linalg.norm(opened.train[:, None] - opened.density.modes, axis=2).argmin(1)
    assert np.bincount(nearest, minlength=3) / 100_000 == pytest.approx([0.25, 0, 0.75], abs=0.01)
    assert np.isfinite(opened.density.log_density(opened.density.modes)).all()


def test_far_points_have_a_finite_log_density() -> None:
    assert np.isfinite(density("ring").log_density(np.array([[1e3, 1e3]]))).all()


def test_lines_density_is_per_arc_length() -> None:
    exact = density("lines", theta=0.7)
    drawn = exact.sample(20_000, np.random.default_rng(0))
    assert np.allclose(exact.log_density(drawn), np.log(0.5))
    assert exact.log_density(np.array([[0.3, 0.5], [0, 1.5], [0.7, -0.1]])).tolist() == [-np.inf] * 3
    assert (drawn[:, 0] > 0).mean() == pytest.approx(0.5, abs=0.02)
    assert drawn[:, 1].mean() == pytest.approx(0.5, abs=0.02)
    assert np.allclose(density("lines", theta=0).log_density(np.array([[0, 0.5]])), 0)


def test_samples_depend_on_the_seed_alone() -> None:
    first, again, other = (data.load("moons", DataSettings(seed=seed), count=50) for seed in (1, 1, 2))
    assert np.array_equal(first.train, again.train)
    assert first.key == again.key != other.key
    assert not np.array_equal(first.train, other.train)
    assert not np.array_equal(first.train, first.held_out[:50])
    assert data.load("moons", DataSettings(seed=1), count=50, deviation=0.2).key != first.key


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("grid", {"modes": 24}, "square number such as 16"),
        ("ring", {"modes": 0}, "modes must be a whole number"),
        ("ring", {"modes": "8"}, "modes must be a whole number"),
        ("ring", {"weights": [1, 2]}, "one number for each of the 8 modes"),
        ("ring", {"modes": 2, "weights": [1, -1]}, "none negative"),
        ("ring", {"modes": 2, "weights": [0, 0]}, "at least one above 0"),
        ("ring", {"modes": 2, "weights": ["a", "b"]}, "must be numbers"),
        ("ring", {"deviation": 0.0}, "deviation must be a number above 0"),
        ("lines", {"theta": float("nan")}, "theta must be a finite number"),
        ("spiral", {"arms": 0}, "arms must be a whole number"),
        ("moons", {"deviatoin": 0.1}, "did you mean deviation"),
        ("ring", {"count": 1}, "batch needs 2"),
    ],
)
def test_wrong_options_are_named(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        data.load(name, SETTINGS, **options)
