"""Nearest neighbours, and the metrics made of them, against scikit-learn and distances computed one by one."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from twoplayer.core.errors import UserError
from twoplayer.metrics import _nearest, _reach, create
from twoplayer.metrics._base import Array, FeatureSet, ReferenceFeatures
from twoplayer.metrics._manifold import manifold
from twoplayer.metrics._nearest import DistancePairs, nearest, nearest_squares
from twoplayer.metrics._reach import reach
from twoplayer.metrics.coverage import coverage
from twoplayer.metrics.density import density
from twoplayer.metrics.precision import precision
from twoplayer.metrics.recall import recall

PRDC = ("precision", "recall", "density", "coverage")


def normal(count: int, dimensions: int, seed: int, scale: float = 1.0) -> Array:
    return (scale * np.random.default_rng(seed).normal(size=(count, dimensions))).astype(np.float32)


def clustered(noise: float, dimensions: int = 64, far: float = 30.0) -> Array:
    """90 points in three clusters far from the origin and each other."""
    random = np.random.default_rng(0)
    centres = far * random.normal(size=(3, dimensions))
    return np.repeat(centres, 30, axis=0) + noise * random.normal(size=(90, dimensions))


def one_by_one(queries: Array, points: Array) -> Array:
    return np.asarray(cdist(queries.astype(np.float64), points.astype(np.float64)))


@pytest.fixture(autouse=True, params=[48, 2048])
def tile(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiles that divide the sets many times, and one tile."""
    monkeypatch.setattr(_nearest, "TILE", request.param)


# ---- neighbours


@pytest.mark.parametrize("dimensions", [1, 2, 31, 32, 300])
@pytest.mark.parametrize("k", [1, 5, 40])
def test_neighbours_are_scikit_learns(dimensions: int, k: int) -> None:
    from sklearn.neighbors import NearestNeighbors

    queries, points = normal(50, dimensions, 0), normal(70, dimensions, 1)
    theirs = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(points.astype(np.float64))
    distances, indices = theirs.kneighbors(queries.astype(np.float64))
    found = nearest(queries, points, k)
    assert found.distances == pytest.approx(distances, rel=1e-6)
    assert (found.indices == indices).all()
    among = nearest(points, points, k, exclude_self=True)
    distances, indices = theirs.kneighbors()
    assert among.distances == pytest.approx(distances, rel=1e-6)
    assert (among.indices == indices).all()


@pytest.mark.parametrize("noise", [1e-3, 1e-6, 1e-9, 1e-13, 0.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("own", [True, False])
def test_neighbours_in_clusters_that_products_cannot_resolve(noise: float, dtype: Any, own: bool) -> None:
    points = clustered(noise).astype(dtype)
    queries = points if own else points[::2] + np.asarray(noise, dtype)
    every = one_by_one(queries, points)
    if own:
        np.fill_diagonal(every, np.inf)
    expected = np.sort(every, axis=1)[:, :5]
    found = nearest(queries, points, 5, exclude_self=own)
    assert found.distances == pytest.approx(expected, rel=1e-9, abs=0)
    assert np.take_along_axis(every, found.indices, 1) == pytest.approx(expected, rel=1e-9, abs=0)
    assert all(len(set(row)) == 5 for row in found.indices.tolist())


def test_one_point_many_times() -> None:
    points = np.repeat(normal(4, 50, 0), 20, axis=0)
    assert (nearest(points, points, 19, exclude_self=True).distances == 0).all()
    assert (nearest(points, points, 20, exclude_self=True).distances[:, 19] > 0).all()


def test_categories_tie_and_are_settled_by_products(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many others lie exactly as far as the last neighbour: none of them needs all distances one by one."""
    columns = np.random.default_rng(0).integers(0, 6, (400, 10))
    points = np.eye(6, dtype=np.float32)[columns].reshape(400, 60)
    left, true = list[int](), _nearest._in_clusters

    def watched(queries: Array, all_points: Array, rows: Array, *others: Any) -> None:
        left.append(len(rows))
        true(queries, all_points, rows, *others)

    monkeypatch.setattr(_nearest, "_in_clusters", watched)
    every = one_by_one(points, points)
    np.fill_diagonal(every, np.inf)
    found = nearest(points, points, 5, exclude_self=True)
    assert found.distances == pytest.approx(np.sort(every, axis=1)[:, :5], rel=1e-12)
    assert left == [0]


def test_a_far_point_spoils_nothing() -> None:
    points = np.vstack([normal(60, 40, 0), np.full((1, 40), 1e6, np.float32)])
    every = one_by_one(points, points)
    np.fill_diagonal(every, np.inf)
    found = nearest(points, points, 3, exclude_self=True)
    assert found.distances == pytest.approx(np.sort(every, axis=1)[:, :3], rel=1e-6)


@pytest.mark.parametrize("scale", [1e-30, 1e-15, 1e15, 1e30])
def test_features_of_any_scale(scale: float) -> None:
    points = normal(60, 40, 0).astype(np.float64) * scale
    unscaled = nearest(normal(60, 40, 0).astype(np.float64), normal(60, 40, 0).astype(np.float64), 3, exclude_self=True)
    found = nearest(points, points, 3, exclude_self=True)
    assert found.distances / scale == pytest.approx(unscaled.distances, rel=1e-9)


def test_too_few_points_are_refused() -> None:
    points = normal(5, 3, 0)
    assert nearest(points, points, 5).distances.shape == (5, 5)
    with pytest.raises(UserError, match="at least 6 points, not 5"):
        nearest(points, points, 5, exclude_self=True)
    with pytest.raises(UserError, match="at least 6 points, not 5"):
        nearest(points, points, 6)
    with pytest.raises(UserError, match="features of 3 and 2 dimensions"):
        nearest(points, points[:, :2], 1)


@pytest.mark.parametrize("precision_of_products", [np.float32, np.float64])
def test_bounds_hold(precision_of_products: Any) -> None:
    a, b = clustered(1e-3).astype(np.float32), normal(40, 64, 1, 20)
    pairs = DistancePairs(a, b, precision_of_products)
    squares = one_by_one(a, b) ** 2
    limit = np.array([[np.median(squares)]])
    for found in pairs.tiles():
        part = squares[found.rows, found.columns]
        rows, columns = np.arange(90)[found.rows, None], np.arange(40)[found.columns]
        assert (found.low <= part * (1 + 1e-12)).all()
        assert (pairs.high(found.low, rows, columns) >= part * (1 - 1e-12)).all()
        assert (pairs.may_be_within(found, limit) >= (part <= limit * (1 - 1e-12))).all()
        assert (pairs.certainly_within(found, limit) <= (part <= limit * (1 + 1e-12))).all()


# ---- precision, recall, density, coverage


def by_definition(samples: Array, real: Array, k: int) -> dict[str, float]:
    from sklearn.neighbors import NearestNeighbors

    exact = [x.astype(np.float64) for x in (samples, real)]
    radii = [NearestNeighbors(n_neighbors=k).fit(x).kneighbors()[0][:, -1] * (1 + 1e-9) for x in exact]  # rounding
    distances = cdist(exact[1], exact[0])
    in_real, in_own = distances <= radii[1][:, None], distances <= radii[0]
    return {
        "precision": in_real.any(0).mean(),
        "recall": in_own.any(1).mean(),
        "density": in_real.sum() / (k * len(samples)),
        "coverage": in_real.any(1).mean(),
    }


@pytest.mark.parametrize("dimensions", [2, 64])
@pytest.mark.parametrize("k", [1, 3, 5])
def test_all_four_are_as_defined(dimensions: int, k: int) -> None:
    real, samples = normal(150, dimensions, 0), normal(110, dimensions, 1, 0.8)
    found = [f(samples, real, neighbours=k).value for f in (precision, recall, density, coverage)]
    assert found == pytest.approx(list(by_definition(samples, real, k).values()), rel=1e-12)


def test_precision_is_of_the_samples_and_recall_of_the_real_ones() -> None:
    # They have been swapped (torch-fidelity#58). Samples that keep to one of two modes are precise and miss the other.
    random = np.random.default_rng(0)
    real = np.concatenate([random.normal(size=(100, 40)), random.normal(size=(100, 40)) + 20])
    samples = random.normal(size=(100, 40)) * 0.9
    assert precision(samples, real).value > 0.95
    assert recall(samples, real).value < 0.5
    assert coverage(samples, real).value <= 0.5
    assert density(samples, real).value > 1


def test_all_four_agree_with_torch_fidelity() -> None:
    fidelity = pytest.importorskip("torch_fidelity.metric_prc", exc_type=ImportError)
    import torch

    real, samples = (normal(n, 64, n).astype(np.float64) for n in (150, 110))
    theirs = fidelity.calculate_precision_recall_full(torch.from_numpy(samples), torch.from_numpy(real), 3)
    ours = precision(samples, real, neighbours=3).value, recall(samples, real, neighbours=3).value
    assert ours == pytest.approx(theirs, rel=1e-6)


def test_the_published_vector_in_small() -> None:
    # N(0, I₁₀₀₀) against itself at 10,000 samples: .4772, .4705, 1.0555, .9735; benchmarks/metrics.py takes it in full.
    real, samples = normal(300, 64, 0), normal(300, 64, 1)
    found = {name: create(name).measure(samples, ReferenceFeatures(FeatureSet(real))) for name in PRDC}
    expected = by_definition(samples, real, 5)
    for name, estimate in found.items():
        assert estimate.value == pytest.approx(expected[name], rel=1e-12)
    assert found["coverage"].value == pytest.approx(1 - 2**-5, abs=0.03)
    assert found["density"].value == pytest.approx(1, abs=0.2)


@pytest.mark.parametrize("kind", ["real", "samples", "both"])
def test_repeated_samples(kind: str) -> None:
    once_real, once = normal(60, 40, 0), normal(50, 40, 1)
    real = np.repeat(once_real, 8, axis=0) if kind != "samples" else once_real
    samples = np.vstack([np.repeat(once, 8, axis=0), real[:8]]) if kind != "real" else np.vstack([once, real[:1]])
    found = [f(samples, real).value for f in (precision, recall, density, coverage)]
    assert found == pytest.approx(list(by_definition(samples, real, 5).values()), rel=1e-12)


def test_a_sample_on_the_surface_is_inside() -> None:
    real = np.arange(10.0)[:, None]
    found = manifold(np.vstack([real, real + 0.5]), real, 1)
    assert (found.whole.real_balls[:10] == [2, 3, 3, 3, 3, 3, 3, 3, 3, 2]).all()


def test_a_set_against_itself_is_all_there() -> None:
    real = normal(200, 40, 0)
    assert (precision(real, real).value, recall(real, real).value, coverage(real, real).value) == (1, 1, 1)
    assert density(real, real).value == pytest.approx(6 / 5)  # each sample in its own ball and, on average, five more


def in_halves(kind: str) -> tuple[Array, Array]:
    """120 samples and 111 real ones that make balls and lists of neighbours hard to tell."""
    if kind == "clusters that float32 cannot resolve":
        return clustered(1e-6)[::-1], clustered(1e-6) + 1e-7
    if kind == "repeated":
        return np.repeat(normal(15, 40, 1), 8, axis=0), np.repeat(normal(37, 40, 1), 3, axis=0)
    if kind == "one point":
        return np.zeros((120, 40), np.float32), normal(111, 40, 0)
    if kind == "a hub whose ball holds everything":
        return np.vstack([normal(119, 40, 1, 0.1), np.full((1, 40), 9, np.float32)]), normal(111, 40, 0)
    return normal(120, int(kind), 1, 0.9), normal(111, int(kind), 0)


@pytest.mark.parametrize("k", [1, 5])
@pytest.mark.parametrize(
    "kind",
    ["2", "64", "clusters that float32 cannot resolve", "repeated", "one point", "a hub whose ball holds everything"],
)
def test_halves_have_the_balls_that_they_would_have_by_themselves(kind: str, k: int) -> None:
    samples, real = in_halves(kind)
    ours, theirs = reach(samples, k, salt=0), reach(real, k, salt=1)
    found = manifold(samples, real, k)
    assert len(found.splits) == 9
    for s, halves in enumerate(found.splits, 1):
        for half, balls in enumerate(halves):
            mine, other = samples[ours.sides[s] == half], real[theirs.sides[s] == half]
            assert abs(2 * len(mine) - len(samples)) <= 1 and abs(2 * len(other) - len(real)) <= 1
            radii = [nearest_squares(x, x, k, exclude_self=True)[0][:, -1] for x in (other, mine)]
            squares = squares_one_by_one(other, mine)
            assert (balls.samples_inside == (squares <= radii[0][:, None]).sum(1)).all()
            assert (balls.real_balls == (squares <= radii[0][:, None]).sum(0)).all()
            assert (balls.own_balls == (squares <= radii[1]).sum(1)).all()


def squares_one_by_one(a: Array, b: Array) -> Array:
    gap = np.subtract(a[:, None], b, dtype=np.float64)
    return np.asarray(np.einsum("ijf,ijf->ij", gap, gap))


def test_lists_too_short_for_a_half_are_made_up_for(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = normal(200, 64, 0)
    whole = reach(rows, 5, salt=0)
    monkeypatch.setattr(_reach, "LIST_DEVIATIONS", -0.8)  # lists of 9, which seldom hold 5 of one half
    assert (reach(rows, 5, salt=0).squares == whole.squares).all()


def test_halves_do_not_depend_on_the_order_of_the_samples() -> None:
    rows, order = normal(101, 64, 0), np.random.default_rng(1).permutation(101)
    before, after = reach(rows, 5, salt=0), reach(rows[order], 5, salt=0)
    assert (before.sides[:, order] == after.sides).all() and (before.sides != reach(rows, 5, salt=1).sides).any()
    assert before.squares[:, order] == pytest.approx(after.squares, rel=1e-12)


@pytest.mark.parametrize(("count", "splits"), [(11, 0), (12, 9)])
def test_sets_too_small_for_balls_in_halves_have_no_error(count: int, splits: int) -> None:
    assert len(manifold(normal(count, 40, 0), normal(50, 40, 1)).splits) == splits
    assert (precision(normal(50, 40, 1), normal(count, 40, 0)).error is None) == (not splits)


def test_memory_stays_when_every_ball_holds_every_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_nearest, "TILE", 1024)
    real, samples = normal(2500, 64, 0), normal(2500, 64, 1, 0.1)
    tracemalloc.start()
    found = manifold(samples, real)
    mebibytes = tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()
    assert found.whole.real_balls.mean() > 2000  # a list of the pairs alone would take 100 MiB
    assert mebibytes < 90


def test_fewer_samples_than_neighbours_are_refused() -> None:
    with pytest.raises(UserError, match="at least 6 samples on either side, not 5 and 9"):
        precision(normal(5, 3, 0), normal(9, 3, 1))
