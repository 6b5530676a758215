"""Stated standard errors against how far metrics scatter over draws."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from twoplayer.metrics import create
from twoplayer.metrics._base import Array, Estimate, FeatureSet, Modes, Moments, ReferenceFeatures
from twoplayer.metrics._histogram import divergence
from twoplayer.metrics._jackknife import by_content, influence_error, jackknife_error, mean, shuffled
from twoplayer.metrics._manifold import manifold
from twoplayer.metrics.cmmd import cmmd
from twoplayer.metrics.diversity_score import diversity_score
from twoplayer.metrics.fd import fd
from twoplayer.metrics.inception_score import inception_score
from twoplayer.metrics.kid import kid
from twoplayer.metrics.kid_rbf import kid_rbf
from twoplayer.metrics.modes_covered import modes_covered
from twoplayer.metrics.sliced_wasserstein import sliced_wasserstein
from twoplayer.metrics.vendi import vendi
from twoplayer.metrics.wasserstein import wasserstein

DRAWS = 100
"""With so many, a standard deviation is known to 7 %."""


def points(random: np.random.Generator, count: int = 200, shift: float = 0.0) -> Array:
    return random.normal(size=(count, 6)) * np.array([2.0, 1.5, 1, 1, 0.5, 0.5]) + shift


def labels(random: np.random.Generator, count: int = 200) -> Array:
    return np.log(random.dirichlet(np.array([2.0, 1, 1, 0.5, 0.3]), count))


def both(metric: Callable[..., Estimate], shift: float, **options: Any) -> Callable[[np.random.Generator], Estimate]:
    """The metric of new draws on both sides."""
    return lambda random: metric(points(random, shift=shift), points(random, 160), **options)


POPULATION = Moments(np.zeros(6), np.diag([4.0, 2.25, 1, 1, 0.25, 0.25]))
REAL_LABELS = np.array([0.3, 0.3, 0.2, 0.1, 0.1])
CASES: dict[str, Callable[[np.random.Generator], Estimate]] = {
    "fd": lambda random: fd(points(random, shift=0.5), POPULATION),
    "fd of few": lambda random: fd(points(random, count=11, shift=1.0), POPULATION),
    "kid": both(kid, 0.5),
    "kid at the null": both(kid, 0.0),
    "kid over subsets": both(kid, 0.5, subsets=10, subset_size=80),
    "kid-rbf": both(kid_rbf, 0.5),
    "kid-rbf at the null": both(kid_rbf, 0.0, width=3.0),
    "cmmd": both(cmmd, 0.5),
    "vendi": lambda random: vendi(points(random, shift=1.0)),
    "vendi of order 2": lambda random: vendi(points(random, shift=1.0), order=2.0),
    "vendi of few": lambda random: vendi(points(random, count=5, shift=1.0)),
    "sliced-wasserstein": both(sliced_wasserstein, 1.0, lines=20),
    "sliced-wasserstein of order 2": both(sliced_wasserstein, 1.0, lines=20, order=2),
    "wasserstein": both(wasserstein, 2.0),
    "wasserstein of order 2": both(wasserstein, 2.0, order=2),
    "inception-score": lambda random: inception_score(labels(random)),
    "diversity-score": lambda random: diversity_score(labels(random), REAL_LABELS),
    "modes-covered": lambda random: modes_covered(
        random.integers(0, 40, (60, 1)), Modes(np.arange(40.0)[:, None], 0.1, np.full(40, 1 / 40))
    ),
    "mode-kl": lambda random: divergence(random.multinomial(200, REAL_LABELS), np.full(5, 0.2)),
    "mode-kl at the null": lambda random: divergence(random.multinomial(200, REAL_LABELS), REAL_LABELS),
}
ROUGH = {
    "fd of few": (0.6, 1.8),
    "kid over subsets": (0.6, 1.7),
    "mode-kl at the null": (0.7, 1.5),
    "vendi of few": (0.45, 1.2),
}
"""Where the error is known only so well."""


@pytest.mark.parametrize("case", CASES)
def test_the_stated_error_is_how_far_draws_scatter(case: str) -> None:
    random = np.random.default_rng(0)
    found = [CASES[case](random) for _ in range(DRAWS)]
    errors = [estimate.error for estimate in found if estimate.error is not None]
    assert len(errors) == DRAWS
    ratio = float(np.mean(errors) / np.std([estimate.value for estimate in found], ddof=1))
    low, high = ROUGH.get(case, (0.8, 1.25))
    assert low < ratio < high, f"{case}: stated errors are {ratio:.2f} of the scatter"


@pytest.mark.parametrize("shift", [0.0, 0.5])
def test_the_stated_errors_of_what_balls_tell_are_how_far_draws_scatter(shift: float) -> None:
    # Shares counted as if samples were independent of each other are off by .6, and leaving groups out by 1.6.
    random, names = np.random.default_rng(0), ("precision", "recall", "density", "coverage")
    found = []
    for _ in range(DRAWS):
        samples, real = points(random, shift=shift), ReferenceFeatures(FeatureSet(points(random)))
        found.append([create(name).measure(samples, real) for name in names])
    for place, name in enumerate(names):
        errors, values = zip(*((draw[place].error, draw[place].value) for draw in found), strict=True)
        ratio = float(np.mean(errors) / np.std(values, ddof=1))
        assert 0.7 < ratio < 1.4, f"{name}: stated errors are {ratio:.2f} of the scatter"


def hub_prone(random: np.random.Generator) -> Array:
    return np.asarray(random.normal(size=(400, 300)), np.float32)


def in_clusters(random: np.random.Generator) -> Array:
    fixed = np.random.default_rng(77)
    centres, scales, which = 3 * fixed.normal(size=(8, 32)), fixed.uniform(0.3, 1.5, 8), random.integers(0, 8, 400)
    return centres[which] + scales[which, None] * random.normal(size=(400, 32))


@pytest.mark.parametrize("draw", [hub_prone, in_clusters])
def test_errors_of_what_balls_tell_hold_where_smaller_parts_understate_them(
    draw: Callable[[np.random.Generator], Array],
) -> None:
    # By ten parts instead of halves they are about half of the scatter.
    random, names, draws = np.random.default_rng(1), ("precision", "recall", "density", "coverage"), 40
    found = []
    for _ in range(draws):
        samples, real = draw(random), ReferenceFeatures(FeatureSet(draw(random)))
        found.append([create(name).measure(samples, real) for name in names])
    ratios = []
    for place in range(len(names)):
        errors, values = zip(*((one[place].error, one[place].value) for one in found), strict=True)
        ratios.append(float(np.mean(errors) / np.std(values, ddof=1)))
    told = dict(zip(names, ratios, strict=True))
    assert min(ratios) > 0.6 and max(ratios) < 1.5, told
    assert np.mean(ratios) > 0.72, told


def test_errors_are_told_by_halves_however_many_samples_there_are() -> None:
    random = np.random.default_rng(0)
    found = manifold(random.normal(size=(3001, 2)), random.normal(size=(4000, 2)))
    assert [sorted((len(b.real_balls), len(b.samples_inside)) for b in halves) for halves in found.splits] == [
        [(1500, 2000), (1501, 2000)]
    ] * 9


def test_errors_of_means_are_exact() -> None:
    values = np.random.default_rng(0).normal(size=50)
    assert mean(values) == Estimate(values.mean(), values.std(ddof=1) / np.sqrt(50))
    assert mean(values > 0).error == pytest.approx(influence_error((values > 0).astype(float)))


def test_leaving_groups_out_is_right_for_means() -> None:
    # of single samples it is exact
    values = np.random.default_rng(0).normal(size=(40, 1))
    by_one = jackknife_error(values, lambda kept: float(values[kept].mean()), groups=40)
    assert by_one == pytest.approx(values.std(ddof=1) / np.sqrt(40), rel=1e-12)
    by_ten = jackknife_error(values, lambda kept: float(values[kept].mean()), groups=10)
    assert 0.4 < by_ten / by_one < 2


def test_random_orders_follow_from_the_rows_alone() -> None:
    rows = np.random.default_rng(0).normal(size=(100, 3)).astype(np.float32)
    order = np.random.default_rng(1).permutation(100)
    assert (rows[shuffled(rows)] == rows[order][shuffled(rows[order])]).all()
    assert (shuffled(rows) != shuffled(rows, salt=1)).any()
    assert sorted(shuffled(rows).tolist()) == list(range(100))
    assert abs(np.corrcoef(rows.sum(1), np.argsort(shuffled(rows)))[0, 1]) < 0.3
    grid = np.stack(np.meshgrid(np.arange(9.0), np.arange(9.0)), -1).reshape(-1, 2)  # whole numbers have equal sums
    order = np.random.default_rng(2).permutation(81)
    assert (grid[by_content(grid)] == grid[order][by_content(grid[order])]).all()
