"""Copies, near-duplicates and covered classes: planted ones are found, honest samples are not accused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import cdist
from sklearn.neighbors import NearestNeighbors

from twoplayer import metrics
from twoplayer.core.errors import UserError
from twoplayer.metrics._base import Array, Estimate, ReferenceParts
from twoplayer.metrics._covered import covered
from twoplayer.metrics.authenticity import authenticity
from twoplayer.metrics.classes_covered import classes_covered
from twoplayer.metrics.memorization_test import memorization_test
from twoplayer.metrics.support_size import support_size

COPIES = ("memorization-test", "authenticity", "support-size")


def real(count: int, seed: int) -> Array:
    """Three clusters of unequal width and weight in 6 dimensions, float32 as extractors give them."""
    random = np.random.default_rng(seed)
    which = random.choice(3, count, p=[0.5, 0.3, 0.2])
    centres = np.random.default_rng(99).normal(size=(3, 6)) * 4
    scales = np.array([1.0, 0.5, 1.5])
    return (centres[which] + scales[which, None] * random.normal(size=(count, 6))).astype(np.float32)


def copied(train: Array, count: int, seed: int, noise: float = 0.01) -> Array:
    random = np.random.default_rng(seed)
    return train[random.integers(len(train), size=count)] + noise * random.normal(size=(count, 6)).astype(np.float32)


TRAIN, HELD_OUT, FRESH = real(1500, 0), real(700, 1), real(800, 2)
PARTS = ReferenceParts(TRAIN, HELD_OUT)


# ---- the memorization test


def test_one_cell_is_mann_whitney_of_the_distances() -> None:
    search = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(TRAIN.astype(float))
    ours, theirs = (search.kneighbors(x.astype(float))[0][:, 0] for x in (FRESH, HELD_OUT))
    found = memorization_test(FRESH, TRAIN, HELD_OUT, cells=1)
    assert found.value == pytest.approx(_standardized(ours, theirs), rel=1e-9)
    p_value = stats.mannwhitneyu(ours, theirs, alternative="less", method="asymptotic", use_continuity=False).pvalue
    assert stats.norm.cdf(found.value) == pytest.approx(p_value, rel=1e-6)


def _standardized(ours: Array, theirs: Array) -> float:
    """U by its definition: pairs in which ours is larger, ties counting half (no ties here)."""
    m, n = len(ours), len(theirs)
    u = (ours[:, None] > theirs).sum() + 0.5 * (ours[:, None] == theirs).sum()
    return float((u - m * n / 2) / math.sqrt(m * n * (m + n + 1) / 12))


@pytest.mark.parametrize("cells", [1, 6])
def test_fresh_real_samples_have_a_standard_normal_score(cells: int) -> None:
    scores = [memorization_test(real(150, 10 + i), TRAIN, real(200, 500 + i), cells=cells).value for i in range(160)]
    assert abs(np.mean(scores)) < 3.5 / math.sqrt(160)
    assert np.std(scores) == pytest.approx(1, abs=3.5 / math.sqrt(320))
    assert stats.kstest(scores, "norm").pvalue > 1e-3
    # At the level of 5 % about 5 % of honest generators are accused of copying.
    assert stats.binomtest(sum(s < stats.norm.ppf(0.05) for s in scores), 160, 0.05).pvalue > 1e-3


def test_the_stated_error_is_that_of_other_draws() -> None:
    """Away from the null too: here samples are shrunk towards the training data."""
    found = [
        memorization_test(
            0.5 * (real(300, 2000 + i) + copied(TRAIN, 300, 3000 + i)), TRAIN, real(300, 4000 + i), cells=4
        )
        for i in range(120)
    ]
    spread, stated = np.std([f.value for f in found]), np.mean([f.error for f in found])
    assert stated == pytest.approx(spread, rel=0.2)


def test_copies_are_found_and_underfitting_has_the_other_sign() -> None:
    honest = memorization_test(FRESH, TRAIN, HELD_OUT).value
    copies = memorization_test(copied(TRAIN, 800, 3), TRAIN, HELD_OUT).value
    few = np.concatenate([FRESH[:720], copied(TRAIN, 80, 3)])  # one in ten
    blurred = FRESH + np.random.default_rng(4).normal(size=FRESH.shape).astype(np.float32)
    assert abs(honest) < 3
    assert copies < -20 and memorization_test(few, TRAIN, HELD_OUT).value < honest - 2
    assert memorization_test(blurred, TRAIN, HELD_OUT).value > 10


def test_one_easy_cluster_alone_is_no_copying() -> None:
    """Samples of the narrow cluster lie near training samples because that cluster is dense."""
    random = np.random.default_rng(8)
    centre = np.random.default_rng(99).normal(size=(3, 6))[1] * 4
    easy = (centre + 0.5 * random.normal(size=(800, 6))).astype(np.float32)
    assert memorization_test(easy, TRAIN, HELD_OUT, cells=1).value < -8
    assert abs(memorization_test(easy, TRAIN, HELD_OUT, cells=10).value) < 3.5


def test_distances_that_are_all_the_same_decide_nothing() -> None:
    points = np.zeros((60, 3), np.float32)
    found = memorization_test(points, points, points)
    assert (found.value, found.error) == (0.0, 0.0)


def test_exact_copies_of_tied_data() -> None:
    """Whole numbers tie: the variance has to shrink with them."""
    random = np.random.default_rng(0)
    grid = random.integers(0, 5, (600, 3)).astype(np.float32)
    scores = [
        memorization_test(random.integers(0, 5, (100, 3)), grid[:60], random.integers(0, 5, (100, 3)), cells=1).value
        for _ in range(200)
    ]
    assert np.std(scores) == pytest.approx(1, abs=0.18)


# ---- authenticity


def test_authenticity_by_its_definition() -> None:
    among = NearestNeighbors(n_neighbors=2, algorithm="brute").fit(TRAIN.astype(float))
    to_train, index = among.kneighbors(FRESH.astype(float), n_neighbors=1)
    radius = among.kneighbors(TRAIN.astype(float))[0][:, 1]
    expected = (to_train[:, 0] > radius[index[:, 0]]).mean()
    assert authenticity(FRESH, TRAIN).value == pytest.approx(expected)


def test_radii_are_those_of_the_training_samples_that_are_nearest() -> None:
    """The published code looked them up by the numbers of generated samples (evaluating-generative-models#4)."""
    train = np.array([[0.0], [1.0], [10.0], [14.0], [100.0], [101.0]])
    samples = np.array([[100.5], [12.5], [0.1], [300.0]])  # nearest: 4 or 5 (radius 1), 3 (4), 0 (1), 5 (1)
    assert authenticity(samples, train).value == 1 / 4
    assert _published(samples, train) != 1 / 4


def _published(samples: Array, train: Array) -> float:
    real_to_real = NearestNeighbors(n_neighbors=2).fit(train).kneighbors(train)[0][:, 1]
    distance, index = NearestNeighbors(n_neighbors=1).fit(samples).kneighbors(train)
    return float((real_to_real[index[:, 0]] < distance[:, 0]).mean())


def test_copies_are_not_authentic_and_noise_is() -> None:
    assert authenticity(TRAIN[:200], TRAIN).value == 0.0
    assert authenticity(copied(TRAIN, 500, 1), TRAIN).value < 0.02
    assert authenticity(np.full((50, 6), 1e3), TRAIN).value == 1.0
    doubled = np.concatenate([TRAIN, TRAIN])  # every training sample has a twin at distance 0
    assert authenticity(TRAIN[:200], doubled).value == 0.0
    honest = authenticity(FRESH, TRAIN)
    assert honest.value == pytest.approx(authenticity(HELD_OUT, TRAIN).value, abs=4 * 1.5 * honest.error)


def test_the_error_of_a_share_is_binomial() -> None:
    shares = [authenticity(real(300, i), TRAIN) for i in range(100)]
    assert np.mean([s.error for s in shares]) == pytest.approx(np.std([s.value for s in shares]), rel=0.25)


@pytest.mark.parametrize("dimensions", [3, 40])
def test_authenticity_does_not_depend_on_the_order_of_the_training_samples(dimensions: int) -> None:
    """In whole numbers many are the nearest; a sample is authentic by the one with the largest radius."""
    random = np.random.default_rng(0)
    train = random.integers(0, 3, (120, dimensions)).astype(np.float32) * 2
    samples = random.integers(0, 6, (200, dimensions)).astype(np.float32)
    search = NearestNeighbors(n_neighbors=2, algorithm="brute").fit(train.astype(float))
    radii, every = search.kneighbors(train.astype(float))[0][:, 1], cdist(samples, train)
    nearest = every == every.min(1, keepdims=True)
    expected = every.min(1) > np.where(nearest, radii, -1).max(1)
    assert (nearest.sum(1) > 1).mean() > 0.1
    for order in (np.arange(120), random.permutation(120), random.permutation(120)):
        assert authenticity(samples, train[order]).value == expected.mean()
        assert (
            metrics.create("authenticity").measure(samples, ReferenceParts(train[order], train)).value
            == expected.mean()
        )


# ---- the birthday paradox


@pytest.mark.parametrize("size", [50, 500, 5_000])
def test_the_size_of_a_known_support_is_found_within_its_error(size: int) -> None:
    """And the error is that of other draws: standardized, what is found is off by about one."""
    support, held_out = real(size, 20), real(2000, 21)
    found = [
        support_size(support[np.random.default_rng(i).integers(size, size=1500)], held_out, rate=1e-7)
        for i in range(20)
    ]
    off = np.array([(f.value - size) / f.error for f in found])
    assert abs(off.mean()) < 4 / math.sqrt(20) + 0.2  # 1/κ is a little skewed
    assert 0.55 < off.std() < 1.55


def test_uneven_supports_count_what_is_likely() -> None:
    """A thousand samples, of which ten are drawn half of the time: 1/Σp² = 39.4, with an error that knows it."""
    weights = np.r_[np.full(10, 0.05), np.full(990, 0.5 / 990)]
    support, held_out = real(1000, 22), real(1500, 23)
    found = [
        support_size(support[np.random.default_rng(i).choice(1000, 1200, p=weights)], held_out, rate=1e-7)
        for i in range(40)
    ]
    effective = 1 / (weights**2).sum()
    assert np.mean([f.value for f in found]) == pytest.approx(effective, rel=0.03)
    assert np.mean([f.error for f in found]) == pytest.approx(np.std([f.value for f in found]), rel=0.3)


def test_real_data_have_a_support_of_one_over_the_rate() -> None:
    found = support_size(real(6000, 24), real(6000, 25), rate=1e-5)
    assert found.value == pytest.approx(1e5, rel=0.3)
    assert found.error is not None and found.error < 0.2 * found.value


def test_near_copies_are_duplicates_and_nothing_else_is() -> None:
    held_out = real(2000, 26)
    twice = np.concatenate([FRESH[:400], FRESH[:400] + np.float32(1e-4)])
    # 400 pairs of 800 · 799 / 2 are duplicates.
    assert support_size(twice, held_out, rate=1e-8).value == pytest.approx(800 * 799 / 2 / 400, rel=0.05)
    far = np.arange(300, dtype=np.float32)[:, None] * np.ones((1, 6), np.float32)
    alone = support_size(far, held_out)
    assert (alone.value, alone.error) == (300 * 299 / 2, None)
    collapsed = support_size(np.repeat(FRESH[:1], 300, axis=0), held_out)
    assert (collapsed.value, collapsed.error) == (1.0, 0.0)


def test_too_few_samples_for_pairs_are_refused() -> None:
    with pytest.raises(UserError, match="at least 4 samples, not 3"):
        support_size(np.zeros((3, 6)), HELD_OUT)


def test_pairs_are_counted_over_the_edges_of_tiles() -> None:
    random = np.random.default_rng(1)
    samples = random.normal(size=(4500, 2))
    distance = 0.05
    from twoplayer.metrics.support_size import _close_counts

    expected = NearestNeighbors(radius=distance).fit(samples).radius_neighbors(samples, return_distance=False)
    assert np.array_equal(_close_counts(samples, distance), [len(e) - 1 for e in expected])


# ---- the metrics on copies


@pytest.mark.parametrize("name", COPIES)
def test_the_metric_is_the_function_and_does_not_mind_the_order(name: str) -> None:
    metric = metrics.create(name)
    functions = {
        "memorization-test": lambda s: memorization_test(s, TRAIN, HELD_OUT),
        "authenticity": lambda s: authenticity(s, TRAIN),
        "support-size": lambda s: support_size(s, HELD_OUT),
    }
    found, expected = metric.measure(FRESH, PARTS), functions[name](FRESH)
    assert found == expected
    shuffled = FRESH[np.random.default_rng(0).permutation(len(FRESH))]
    again = metric.measure(shuffled, PARTS)
    assert again.value == pytest.approx(found.value, rel=1e-9)
    assert metric.higher_is_better is None and metric.needs == "copies"


@pytest.mark.parametrize("name", COPIES)
def test_features_that_are_not_finite_are_refused(name: str) -> None:
    broken = FRESH.copy()
    broken[3, 2] = np.nan
    with pytest.raises(UserError, match="not finite"):
        metrics.create(name).measure(broken, PARTS)


def test_options_are_checked() -> None:
    with pytest.raises(UserError, match="cells"):
        metrics.create("memorization-test", cells=0)
    with pytest.raises(UserError, match="rate"):
        metrics.create("support-size", rate=1.0)
    with pytest.raises(UserError, match="share"):
        metrics.create("classes-covered", share=-0.1)


# ---- classes


def test_covered_counts_and_their_error() -> None:
    assert covered(np.array([5, 0, 1, 3])).value == 3
    assert covered(np.array([5, 0, 1, 3]), np.array([5.0, 0.0, 2.0, 2.5])).value == 2
    assert covered(np.zeros(4, int)) == Estimate(0.0, 0.0)
    random = np.random.default_rng(0)
    weights = random.dirichlet(np.full(40, 0.3))
    draws = random.multinomial(200, weights, size=400)
    for needed in (1.0, 3.0):
        found = [covered(draw, needed) for draw in draws]
        stated = np.sqrt(np.mean([(f.error or 0.0) ** 2 for f in found]))
        assert stated == pytest.approx(np.std([f.value for f in found]), rel=0.35 if needed > 1 else 0.15)


def test_a_dropped_class_is_missed_though_the_classifier_errs() -> None:
    """One label in a hundred is wrong: that covers every class by one sample each, and none by a tenth."""
    random = np.random.default_rng(0)
    labels = random.integers(0, 7, 4000)  # classes 7, 8 and 9 are dropped
    wrong = random.random(4000) < 0.01
    labels[wrong] = random.integers(0, 10, int(wrong.sum()))
    with np.errstate(divide="ignore"):
        logs = np.log(np.eye(10)[labels])
    even = np.full(10, 0.1)
    assert classes_covered(logs, even).value == 7
    assert classes_covered(logs, even, share=0).value == 10
    assert classes_covered(logs, even).error == pytest.approx(0, abs=1e-6)
    assert classes_covered(logs[:, :7], np.full(7, 1 / 7)).value == 7
