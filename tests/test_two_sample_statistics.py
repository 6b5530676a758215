"""The two-sample tests: valid whatever is drawn, equal to independent implementations, and not blind."""

from __future__ import annotations

import itertools
import re
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import cdist

from twoplayer.core.errors import UserError
from twoplayer.testing import check_two_sample_test
from twoplayer.two_sample import statistics
from twoplayer.two_sample.statistics import _distances, classifier_network
from twoplayer.two_sample.statistics._base import StatisticEvidence, TwoSampleTest, check_level
from twoplayer.two_sample.statistics._distances import radius
from twoplayer.two_sample.statistics._holm import holm
from twoplayer.two_sample.statistics._pairs import DistanceKernel, gaussian, median_width, pair_sums
from twoplayer.two_sample.statistics._permute import Pooled, labellings, p_value
from twoplayer.two_sample.statistics.classifier_network import _wins

NAMES = statistics.names()
Draw = Callable[[np.random.Generator], tuple[np.ndarray, np.ndarray]]
QUICK: dict[str, dict[str, Any]] = {"classifier-network": {"steps": 20, "width": 16}}


def made(name: str) -> TwoSampleTest:
    return statistics.create(name, **QUICK.get(name, {}))


def normal(n: int, m: int, dimensions: int = 2, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    return random.standard_normal((n, dimensions)), random.standard_normal((m, dimensions))


def rejections(test: TwoSampleTest, draw: Draw, repetitions: int) -> int:
    found = (
        test.compare(*draw(np.random.default_rng(seed)), permutations=39, seed=seed).reject
        for seed in range(repetitions)
    )
    return sum(found)


# ---- the family


def test_every_member_states_what_it_is() -> None:
    assert set(NAMES) >= {
        "means", "variances", "energy", "mmd", "mmd-aggregated", "classifier-knn", "classifier-network",
        "kolmogorov-smirnov",
    }  # fmt: skip
    for name in NAMES:
        about = statistics.describe(name)
        assert about.summary and re.search(r"\d{4}", about.source)
        assert statistics.create(name).name == name


@pytest.mark.parametrize("name", NAMES)
def test_the_contract(name: str) -> None:
    check_two_sample_test(
        name, repetitions=20, statistic_depends_on_order=name == "classifier-network", **QUICK.get(name, {})
    )


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_outcome_and_the_order_of_samples_matters_little(name: str) -> None:
    a, b = normal(50, 70)
    test = made(name)
    one = test.compare(a, b, permutations=199)
    assert one == test.compare(a.copy(), b.copy(), permutations=199)
    other = test.compare(a, b, permutations=199, seed=1)
    assert other.p_value != one.p_value or name in {"classifier-knn", "kolmogorov-smirnov"}
    if name != "classifier-network":
        assert other.statistic == pytest.approx(one.statistic, rel=1e-9)
        assert test.compare(b, a, permutations=199).statistic == pytest.approx(one.statistic, rel=1e-9)
        assert test.compare(a[::-1], b, permutations=199).statistic == pytest.approx(one.statistic, rel=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_samples_that_are_all_equal_are_never_told_apart(name: str) -> None:
    found = made(name).compare(np.full((20, 3), 7.0), np.full((30, 3), 7.0), permutations=99)
    # Equal samples are neighbours in a random order, and the network's equal outputs win by chance.
    assert not found.reject and (found.p_value == 1 or name == "classifier-knn")


@pytest.mark.parametrize("name", NAMES)
def test_far_from_the_origin_and_in_float32(name: str) -> None:
    a, b = normal(60, 60, 3)
    near = made(name).compare(a, b, permutations=99)
    assert made(name).compare(a + 1.7e9, b + 1.7e9, permutations=99).statistic == pytest.approx(
        near.statistic, rel=1e-3
    )
    single = made(name).compare(a.astype(np.float32), b.astype(np.float32), permutations=99)
    assert single.statistic == pytest.approx(near.statistic, rel=1e-3, abs=1e-6)


# ---- size and power


DRAWS: dict[str, Draw] = {
    "normal": lambda r: (r.standard_normal((25, 2)), r.standard_normal((25, 2))),
    "tied": lambda r: (r.integers(0, 3, (15, 1)), r.integers(0, 3, (40, 1))),
}


@pytest.mark.parametrize("draw", DRAWS)
@pytest.mark.parametrize("name", NAMES)
def test_size_is_the_level(name: str, draw: str) -> None:
    repetitions = 60 if name == "classifier-network" else 150
    low, high = stats.binom.interval(0.999, repetitions, 0.05)
    count = rejections(made(name), DRAWS[draw], repetitions)
    assert count <= high
    if draw == "normal":  # ties make a test careful, nothing else does
        assert count >= low


class Peeking(TwoSampleTest):
    """The nearest neighbour of each sample, itself included, remembers its true label: permuted labels cannot win."""

    name = "peeking"

    def evidence(self, pooled: Pooled) -> StatisticEvidence:
        return StatisticEvidence((pooled.labels == pooled.in_a[:, None]).mean(0))


def test_a_test_that_has_seen_the_labels_is_found_out() -> None:
    assert rejections(Peeking(), DRAWS["normal"], 20) > stats.binom.interval(0.999, 20, 0.05)[1]


def moved(shift: float) -> Draw:
    return lambda r: (r.standard_normal((60, 2)), r.normal([shift, 0.0], size=(60, 2)))


def widened(scale: float) -> Draw:
    return lambda r: (r.standard_normal((60, 2)), scale * r.standard_normal((60, 2)))


POWER = {
    "means": moved(0.8),
    "variances": widened(1.7),
    "energy": moved(0.8),
    "mmd": moved(0.8),
    "mmd-aggregated": widened(1.7),
    "classifier-knn": moved(1.0),
    "classifier-network": moved(1.0),
    "kolmogorov-smirnov": moved(0.8),
}


@pytest.mark.parametrize("name", NAMES)
def test_power(name: str) -> None:
    assert rejections(statistics.create(name), POWER[name], 40) >= 28


def test_what_is_blind_and_what_is_not() -> None:
    def cross(r: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Equal means, variances and coordinates: only how they hang together differs."""
        a, b = r.standard_normal((2, 200, 2))
        return a, np.stack([b[:, 0], np.sign(b[:, 0]) * np.abs(b[:, 1])], 1)

    high = stats.binom.interval(0.999, 40, 0.05)[1]
    for blind in ("means", "variances", "kolmogorov-smirnov"):
        assert rejections(made(blind), cross, 40) <= high
    for seeing in ("energy", "mmd", "mmd-aggregated", "classifier-knn"):
        assert rejections(made(seeing), cross, 40) > 30


# ---- permutations


def test_labellings_are_permutations_and_all_of_them_are_as_likely() -> None:
    in_a = np.array([True, True, False, False])
    drawn = labellings(in_a, 6000, np.random.default_rng(0))
    assert drawn.shape == (4, 6001) and (drawn[:, 0] == in_a).all() and (drawn.sum(0) == 2).all()
    ways, counts = np.unique(drawn[:, 1:], axis=1, return_counts=True)
    assert ways.shape[1] == 6 and stats.chisquare(counts).pvalue > 1e-3


def test_the_pool_knows_who_is_who() -> None:
    a, b = normal(20, 30)
    pooled = Pooled.of(a, b, 9, 0)
    mean = np.concatenate([a, b]).mean(0)
    assert pooled.counts == (20, 30)
    for of, back in ((pooled.in_a, a), (~pooled.in_a, b)):
        found, wanted = pooled.samples[of], back - mean
        np.testing.assert_allclose(found[np.argsort(found[:, 0])], wanted[np.argsort(wanted[:, 0])], rtol=1e-12)
    assert 3 < pooled.in_a[:20].sum() < 17  # in random order


def test_p_values_count_ties_and_never_vanish() -> None:
    assert p_value(np.array([5.0, 1, 2, 3])) == 1 / 4
    assert p_value(np.array([2.0, 2.0 + 1e-14, 2.0 - 1e-14, 3])) == 1
    assert p_value(np.zeros(10)) == 1


def test_an_exact_p_value_by_all_divisions() -> None:
    """Every one of the 70 divisions of 8 tied values, against what random permutations say."""
    values = np.array([0.0, 0, 1, 1, 1, 2, 2, 5])
    a, b = values[[0, 1, 2, 3]], values[[4, 5, 6, 7]]
    divisions = [list(of) for of in itertools.combinations(range(8), 4)]
    by_hand = [stats.energy_distance(values[of], np.delete(values, of)) for of in divisions]
    exact = np.mean(np.array(by_hand) >= by_hand[0] - 1e-12)
    found = made("energy").compare(a[:, None], b[:, None], permutations=4999, level=0.2)
    assert abs(found.p_value - exact) < 4 * np.sqrt(exact * (1 - exact) / 5000)


def test_sums_do_not_depend_on_tiles_nor_on_which_of_two_equal_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = normal(30, 41, 5)
    b[:3] = a[0]
    kernels = [gaussian(1.5), DistanceKernel(np.sqrt, 20.0)]
    pooled = Pooled.of(a, b, 50, 0)
    whole = pair_sums(pooled, kernels)
    monkeypatch.setattr(_distances, "TILE", 8)
    for one, other in zip(whole, pair_sums(pooled, kernels), strict=True):
        for name in ("within_a", "within_b", "between"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    _, which, counts = np.unique(pooled.samples, axis=0, return_inverse=True, return_counts=True)
    equal = np.flatnonzero(counts[which] == 4)
    labels = np.repeat(pooled.in_a[:, None], 2, axis=1)
    inside = equal[pooled.in_a[equal]][0]
    outside = equal[~pooled.in_a[equal]][0]
    labels[[inside, outside], 1] = labels[[outside, inside], 0]
    pooled.__dict__["labels"] = labels
    for sums in pair_sums(pooled, kernels):
        assert sums.unbiased[0] == sums.unbiased[1] and sums.v_statistic[0] == sums.v_statistic[1]


def test_memory_is_that_of_tiles() -> None:
    a, b = normal(2500, 2500, 3)
    pooled = Pooled.of(a, b, 20, 0)
    pooled.labels  # noqa: B018
    tracemalloc.start()
    pair_sums(pooled, [gaussian(1.0)])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 80 * 2**20 < 5000**2 * 8  # all distances at once would take 200 MB


# ---- against independent implementations


@pytest.fixture(params=[(40, 40, 1), (25, 60, 3), (20, 35, 40)], ids=["equal", "unequal", "wide"])
def pooled(request: pytest.FixtureRequest) -> Pooled:
    n, m, dimensions = request.param
    a, b = normal(n, m, dimensions)
    return Pooled.of(a, 1.2 * b + 0.1, 7, 3)


def by_loops(pooled: Pooled, k: Callable[[np.ndarray, np.ndarray], float], column: int, *, unbiased: bool) -> float:
    """The discrepancy of a kernel by its definition, pair after pair."""
    a, b = pooled.samples[pooled.labels[:, column]], pooled.samples[~pooled.labels[:, column]]

    def mean(x: np.ndarray) -> float:
        pairs = [k(x[i], x[j]) for i in range(len(x)) for j in range(len(x)) if i != j or not unbiased]
        return sum(pairs) / len(pairs)

    return mean(a) + mean(b) - 2 * sum(k(x, y) for x in a for y in b) / (len(a) * len(b))


def test_energy_by_its_definition(pooled: Pooled) -> None:
    statistics = made("energy").evidence(pooled).statistics
    for column in range(8):
        loops = -by_loops(pooled, lambda x, y: float(np.linalg.norm(x - y)), column, unbiased=False)
        assert statistics[column] == pytest.approx(loops, rel=1e-6)
    if pooled.samples.shape[1] == 1:
        a, b = (pooled.samples[of, 0] for of in (pooled.in_a, ~pooled.in_a))
        assert statistics[0] == pytest.approx(stats.energy_distance(a, b) ** 2, rel=1e-6)


def test_mmd_by_its_definition(pooled: Pooled) -> None:
    from sklearn.metrics.pairwise import rbf_kernel

    found = made("mmd").evidence(pooled)
    width = found.details["width"]
    distances = cdist(pooled.samples, pooled.samples)[np.triu_indices(len(pooled.samples), 1)]
    assert width == pytest.approx(np.median(distances))
    for column in range(3):
        loops = by_loops(
            pooled, lambda x, y: float(np.exp(-((x - y) ** 2).sum() / (2 * width**2))), column, unbiased=True
        )
        assert found.statistics[column] == pytest.approx(loops, abs=1e-8)
    a, b = pooled.samples[pooled.in_a], pooled.samples[~pooled.in_a]
    kernel = [rbf_kernel(x, y, gamma=0.5 / width**2) for x, y in ((a, a), (b, b), (a, b))]
    n, m = pooled.counts
    by_matrix = (kernel[0].sum() - n) / (n * (n - 1)) + (kernel[1].sum() - m) / (m * (m - 1)) - 2 * kernel[2].mean()
    assert found.statistics[0] == pytest.approx(by_matrix, abs=1e-8)
    assert statistics.create("mmd", width=0.5).evidence(pooled).details == {"width": 0.5}


def test_means_and_variances_by_their_definition(pooled: Pooled) -> None:
    scaled = stats.zscore(pooled.samples)
    for column in range(8):
        a, b = scaled[pooled.labels[:, column]], scaled[~pooled.labels[:, column]]
        means = np.linalg.norm(a.mean(0) - b.mean(0))
        variances = np.linalg.norm(a.var(0, ddof=1) - b.var(0, ddof=1))
        assert made("means").evidence(pooled).statistics[column] == pytest.approx(means, rel=1e-9)
        assert made("variances").evidence(pooled).statistics[column] == pytest.approx(variances, rel=1e-9)


def test_kolmogorov_smirnov_is_scipys(pooled: Pooled) -> None:
    statistics = made("kolmogorov-smirnov").evidence(pooled).statistics
    for column in range(8):
        of = pooled.labels[:, column]
        per_coordinate = [stats.ks_2samp(x[of], x[~of]).statistic for x in pooled.samples.T]
        assert statistics[column] == pytest.approx(max(per_coordinate), rel=1e-12)


@pytest.mark.parametrize("tied", [False, True])
def test_kolmogorov_smirnov_on_the_line_against_the_exact_law(tied: bool) -> None:
    a, b = normal(30, 37, 1)
    a, b = (np.round(2 * a) / 2, np.round(2 * b + 0.4) / 2) if tied else (a, b + 0.4)
    exact = stats.ks_2samp(a[:, 0], b[:, 0], method="exact")
    found = made("kolmogorov-smirnov").compare(a, b, permutations=4999)
    assert found.statistic == pytest.approx(exact.statistic, rel=1e-12)
    if tied:  # scipy's law is that of continuous distributions, which is larger under ties
        assert found.p_value < exact.pvalue + 0.03
    else:
        assert abs(found.p_value - exact.pvalue) < 4 * np.sqrt(exact.pvalue / 5000)


def test_nearest_neighbours_are_scikit_learns() -> None:
    from sklearn.model_selection import LeaveOneOut, cross_val_score
    from sklearn.neighbors import KNeighborsClassifier

    a, b = normal(40, 40, 3)
    pooled = Pooled.of(a, b + 0.5, 3, 0)
    found = statistics.create("classifier-knn", neighbours=7).evidence(pooled).statistics
    for column in range(4):
        classifier = KNeighborsClassifier(7)
        accuracy = cross_val_score(classifier, pooled.samples, pooled.labels[:, column], cv=LeaveOneOut()).mean()
        assert found[column] == pytest.approx(accuracy)


def test_many_neighbours_of_few_samples() -> None:
    found = statistics.create("classifier-knn", neighbours=1000).compare(*normal(10, 12), permutations=99)
    assert found.details["neighbours"] == 21


def test_the_aggregated_test_is_the_papers_on_one_set_of_permutations() -> None:
    a, b = normal(40, 50)
    pooled = Pooled.of(a, 1.4 * b, 199, 0)
    evidence = made("mmd-aggregated").evidence(pooled)
    distances = np.sort(cdist(pooled.samples, pooled.samples)[np.triu_indices(90, 1)])
    widths = np.geomspace(np.quantile(distances, 0.05) / 2, np.quantile(distances, 0.95) * 2, 10)
    of_widths = np.stack([statistics.create("mmd", width=float(w)).evidence(pooled).statistics for w in widths])

    def rejects(column: int, level: float) -> bool:
        """Algorithm 1: u as large as the level allows, by bisection; then a width that exceeds its quantile."""
        ordered = np.sort(of_widths, axis=1)

        def quantiles(u: float) -> np.ndarray:
            return ordered[:, max(0, int(np.ceil(200 * (1 - u / 10))) - 1), None]

        low, high = 0.0, 10.0
        for _ in range(50):
            u = (low + high) / 2
            low, high = (u, high) if np.mean((of_widths > quantiles(u)).any(0)) <= level else (low, u)
        return bool((of_widths[:, [column]] > quantiles(low)).any())

    for column in range(0, 200, 9):
        by_ranks = np.mean(evidence.statistics >= evidence.statistics[column])
        assert rejects(column, min(1.0, by_ranks + 0.03)) and not rejects(column, max(0.0, by_ranks - 0.03))
    assert np.isclose(widths, evidence.details["width"]).any()


def test_the_network_wins_as_many_pairs_as_the_area_under_its_curve_says() -> None:
    from sklearn.metrics import roc_auc_score

    random = np.random.default_rng(0)
    outputs = random.standard_normal(50)
    labels = labellings(random.random(50) < 0.4, 5, random)
    pairs = labels[:, 0].sum() * (~labels[:, 0]).sum()
    for won, column in zip(_wins(outputs, labels, random), labels.T, strict=True):
        assert won / pairs == pytest.approx(roc_auc_score(column, outputs))
    even = np.mean([_wins(np.zeros(50), labels[:, :1], np.random.default_rng(s))[0] for s in range(300)]) / pairs
    assert even == pytest.approx(0.5, abs=0.02)  # equal outputs win by chance


def test_the_network_is_tested_on_what_came_after_its_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every sample is its own value: what each network was trained on, and what it was asked."""
    seen: list[tuple[set[float], ...]] = []
    true = classifier_network._outputs

    def watched(layers: Any, inputs: Any) -> Any:
        seen.append(tuple(set(part.ravel().tolist()) for part in inputs))
        return true(layers, inputs)

    monkeypatch.setattr(classifier_network, "_outputs", watched)
    a, b = normal(40, 61, 1)
    made("classifier-network").compare(a, b)
    training, asked = [s for s in seen if len(s) == 5], [s[0] for s in seen if len(s) == 1]
    assert len(training) == 20 and len(asked) == 5
    past = [set[float]().union(*(step[k] for step in training)) for k in range(5)]
    for k in range(5):
        assert not past[k] & set().union(*asked[k:])
        assert all(past[j] & asked[k] for j in range(k + 1, 5))  # the blocks in between belong to the past
    assert len(set().union(*asked)) == 101 - 40 // 6 - 61 // 6


# ---- several tests


def test_holm_is_the_closure_of_bonferroni() -> None:
    random = np.random.default_rng(0)
    for _ in range(20):
        p = random.random(5) ** 3
        subsets = [s for size in range(1, 6) for s in itertools.combinations(range(5), size)]
        closed = [max(min(1.0, len(s) * min(p[list(s)])) for s in subsets if i in s) for i in range(5)]
        np.testing.assert_allclose(holm(p.tolist()), closed)
    assert holm([0.2]) == (0.2,) and holm([]) == ()


# ---- bad input


@pytest.mark.parametrize(
    ("a", "b", "settings", "parts"),
    [
        (np.zeros((5, 2)), np.zeros((5, 3)), {}, ["2 coordinates and b 3"]),
        (np.zeros(5), np.zeros((5, 2)), {}, ["a must hold numbers (N, D)", "(5,)"]),
        (np.zeros((5, 0)), np.zeros((5, 0)), {}, ["(5, 0)"]),
        (np.array([["x"]] * 5), np.zeros((5, 1)), {}, ["a must hold numbers"]),
        (np.zeros((5, 2)), np.full((6, 2), np.nan), {}, ["6 of the 6 samples of b are not finite"]),
        (np.zeros((5, 2)), np.full((6, 2), 1e300), {}, ["6 of the 6 samples of b are not finite"]),
        (np.zeros((1, 2)), np.zeros((9, 2)), {}, ["at least 2 samples of each set, not 1"]),
        (np.zeros((3, 2)), np.zeros((3, 2)), {}, ["3 and 3 samples can be divided in 10 ways only", "0.05"]),
        (np.zeros((9, 2)), np.zeros((9, 2)), {"level": 0.0}, ["level must be greater than 0"]),
        (np.zeros((9, 2)), np.zeros((9, 2)), {"level": 1.0}, ["level must be less than 1"]),
        (np.zeros((9, 2)), np.zeros((9, 2)), {"level": float("nan")}, ["level"]),
        (np.zeros((9, 2)), np.zeros((9, 2)), {"permutations": 18}, ["18 permutations", "take at least 19"]),
        (np.zeros((9, 2)), np.zeros((9, 2)), {"permutations": 0}, ["permutations must be greater than or equal to 1"]),
    ],
)
def test_bad_input_is_one_sentence(a: Any, b: Any, settings: dict[str, Any], parts: list[str]) -> None:
    with pytest.raises(UserError) as refused:
        made("energy").compare(a, b, **settings)
    assert "\n" not in str(refused.value)
    for part in parts:
        assert part in str(refused.value)


def test_least_samples_and_most_dimensions() -> None:
    with pytest.raises(UserError, match="classifier-network needs at least 12 samples of each set, not 11"):
        made("classifier-network").compare(*normal(11, 50))
    with pytest.raises(UserError, match="kolmogorov-smirnov takes at most 64 coordinates, not 65"):
        made("kolmogorov-smirnov").compare(*normal(20, 20, 65))
    with pytest.raises(UserError, match="no two-sample test is called 'enrgy': did you mean energy"):
        statistics.create("enrgy")
    with pytest.raises(UserError, match="width must be greater than 0"):
        statistics.create("mmd", width=-1.0)


def test_the_level_of_many_tests_needs_many_permutations() -> None:
    check_level(0.05, 19, (100, 100))
    check_level(0.05, 159, (100, 100), tests=8)
    with pytest.raises(UserError, match=r"158 permutations .* among 8 tests: take at least 159"):
        check_level(0.05, 158, (100, 100), tests=8)
    check_level(0.05, 500, (4, 4))
    with pytest.raises(UserError, match="1 and 18 samples can be divided in 19 ways"):
        check_level(0.05, 500, (1, 18))


def test_the_bound_of_the_distances() -> None:
    a, b = normal(30, 30, 4)
    both = np.concatenate([a, b])
    assert cdist(both, both).max() <= 2 * radius(both) and median_width(np.ones((5, 2))) == 1.0
