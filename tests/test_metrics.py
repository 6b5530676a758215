"""The metrics against closed forms and independent implementations."""

from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pytest
from scipy import linalg, stats

from twoplayer import metrics
from twoplayer.errors import UserError
from twoplayer.metrics._base import Array, Extracted, Modes, Statistics
from twoplayer.metrics._frechet import frechet_distance, moments
from twoplayer.metrics.diversity_score import diversity_score
from twoplayer.metrics.fd_classifier import fd_classifier
from twoplayer.metrics.high_quality_share import high_quality_share
from twoplayer.metrics.inception_score import inception_score
from twoplayer.metrics.mode_kl import mode_kl
from twoplayer.metrics.modes_covered import modes_covered

SQUARE = Modes(np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), 0.1, np.full(4, 0.25))


@dataclass(frozen=True)
class Corners:
    """A density of four normal modes."""

    modes: Array | None
    mode_deviation: float | None
    mode_weights: Array | None


@dataclass(frozen=True, eq=False)
class Points:
    """A toy data set."""

    train: Array
    held_out: Array
    density: Corners | None
    kind: Literal["points"] = "points"
    train_labels: Array | None = None
    held_out_labels: Array | None = None
    class_names: tuple[str, ...] = ()
    key: str = "points"


def normal(count: int, dimensions: int, seed: int) -> Array:
    random = np.random.default_rng(seed)
    return random.normal(size=(count, dimensions)) @ random.normal(size=(dimensions, dimensions))


def corners(count: int, seed: int, weights: Array = SQUARE.weights) -> Array:
    random = np.random.default_rng(seed)
    chosen = SQUARE.centres[random.choice(4, count, p=weights)]
    return (chosen + SQUARE.deviation * random.normal(size=(count, 2))).astype(np.float32)


def by_sqrtm(a: Array, b: Array) -> float:
    first, second = (np.atleast_2d(np.cov(x, rowvar=False)) for x in (a, b))
    offset = a.mean(0) - b.mean(0)
    return float(offset @ offset + np.trace(first + second - 2 * np.real(linalg.sqrtm(first @ second))))


def log_one_hot(classes: Array, count: int) -> Array:
    with np.errstate(divide="ignore"):
        return np.log(np.eye(count)[classes])


# The family


def test_every_member_states_what_it_is() -> None:
    assert len(metrics.names()) >= 6
    for name in metrics.names():
        description = metrics.describe(name)
        assert description.summary and description.source
        metric = metrics.create(name)
        assert name.replace("-", "_") == metric.figure.removesuffix("_classifier") or name == "fd-classifier"
        assert metric.needs in {"density", "classifier"}


def test_listing_imports_neither_torch_nor_numpy() -> None:
    code = (
        "import sys; from twoplayer import metrics; [metrics.describe(n) for n in metrics.names()];"
        "assert not {'torch', 'numpy', 'scipy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", metrics.names())
def test_the_class_measures_and_does_not_mind_the_order(name: str) -> None:
    metric = metrics.create(name)
    random = np.random.default_rng(0)
    if metric.needs == "density":
        samples, reference = corners(300, 0), SQUARE
        shuffled = samples[random.permutation(300)]
    else:
        logits = random.normal(size=(300, 5))
        samples = Extracted(normal(300, 8, 1), np.log(np.exp(logits) / np.exp(logits).sum(1, keepdims=True)))
        reference = Statistics(moments(normal(400, 8, 2)), np.full(5, 0.2))
        order = random.permutation(300)
        shuffled = Extracted(samples.features[order], samples.log_probabilities[order])
    value = metric.measure(samples, reference)
    assert isinstance(value, float) and math.isfinite(value)
    assert metric.measure(shuffled, reference) == pytest.approx(value, rel=1e-10)


@pytest.mark.parametrize(("count", "label"), [(10_000, "10k"), (2_000, "2k"), (2_500, "2500"), (500, "500"), (0, "0")])
def test_count_label(count: int, label: str) -> None:
    assert metrics.count_label(count) == label


# Modes


def test_modes_of_constructed_points() -> None:
    points = np.array([[0.0, 0.29], [0.0, 0.0], [1.0, 0.0], [1.0, 0.31], [0.5, 0.5], [np.nan, 1.0], [np.inf, 0]])
    assert modes_covered(points, SQUARE) == 2
    assert high_quality_share(points, SQUARE) == pytest.approx(3 / 7)
    expected = stats.entropy([2 / 3, 0, 1 / 3, 0], SQUARE.weights)
    assert mode_kl(points, SQUARE) == pytest.approx(expected)


def test_one_mode_alone_costs_the_logarithm_of_the_number_of_modes() -> None:
    points = np.tile(SQUARE.centres[2], (50, 1))
    assert (modes_covered(points, SQUARE), high_quality_share(points, SQUARE)) == (1, 1.0)
    assert mode_kl(points, SQUARE) == pytest.approx(math.log(4))


def test_nothing_near_a_mode() -> None:
    points = np.full((20, 2), 9.0)
    assert (modes_covered(points, SQUARE), high_quality_share(points, SQUARE)) == (0, 0.0)
    assert mode_kl(points, SQUARE) == math.inf


def test_unequal_weights_are_what_the_histogram_is_held_against() -> None:
    weights = np.array([0.7, 0.1, 0.1, 0.1])
    uneven = Modes(SQUARE.centres, SQUARE.deviation, weights)
    points = np.repeat(SQUARE.centres, [70, 10, 10, 10], axis=0)
    assert mode_kl(points, uneven) == pytest.approx(0, abs=1e-12)
    assert mode_kl(points, SQUARE) == pytest.approx(stats.entropy(weights, SQUARE.weights))


def test_share_of_real_points_is_that_of_a_normal_distribution() -> None:
    assert high_quality_share(corners(200_000, 0), SQUARE) == pytest.approx(1 - math.exp(-4.5), abs=1e-3)


def test_measure_points_puts_the_ceiling_beside_the_value() -> None:
    density = Corners(SQUARE.centres, SQUARE.deviation, SQUARE.weights)
    data = Points(corners(1000, 0), corners(3000, 1), density)
    figures = {f.name: f for f in metrics.measure(np.zeros((2500, 2), np.float32), data).figures}
    assert set(figures) == {"modes_covered_2500", "high_quality_share_2500", "mode_kl_2500"}
    covered, divergence = figures["modes_covered_2500"], figures["mode_kl_2500"]
    assert (covered.value, covered.real, covered.real_count) == (1.0, 4.0, 2500)
    assert divergence.real is not None and divergence.real < 0.01 < divergence.value
    assert covered.higher_is_better and not divergence.higher_is_better
    share = figures["high_quality_share_2500"]
    assert share.real == high_quality_share(data.held_out[:2500], SQUARE)


@pytest.mark.parametrize("density", [None, Corners(None, None, None)])
def test_points_without_modes_have_no_figures_and_the_note_says_why(density: Corners | None) -> None:
    measured = metrics.measure(corners(10, 2), Points(corners(10, 0), corners(10, 1), density))
    assert measured.figures == () and "none are known" in measured.note


def test_samples_that_do_not_fit_are_refused() -> None:
    data = Points(corners(10, 0), corners(10, 1), None)
    with pytest.raises(UserError, match="shape"):
        metrics.measure(np.zeros((10, 3)), data)
    with pytest.raises(UserError, match="at least 2"):
        metrics.measure(np.zeros((1, 2)), data)


# Labels


@pytest.mark.parametrize("classes", [2, 10, 100])
def test_sure_and_even_labels_score_the_number_of_classes(classes: int) -> None:
    logs = log_one_hot(np.arange(5 * classes) % classes, classes)
    assert inception_score(logs) == pytest.approx(classes)
    assert diversity_score(logs, np.full(classes, 1 / classes)) == pytest.approx(1)


def test_one_label_alone() -> None:
    logs = log_one_hot(np.zeros(30, int), 4)
    assert inception_score(logs) == pytest.approx(1)
    assert diversity_score(logs, np.full(4, 0.25)) == pytest.approx(1 / 4)
    assert diversity_score(logs, np.array([0.0, 0.5, 0.25, 0.25])) == 0.0


def test_unsure_labels_score_one_but_are_diverse() -> None:
    logs = np.log(np.full((30, 4), 0.25))
    assert inception_score(logs) == pytest.approx(1)
    assert diversity_score(logs, np.full(4, 0.25)) == pytest.approx(1)


def test_scores_agree_with_entropies() -> None:
    # IS is exp of the mutual information, H(E p) - E H(p).
    p = np.random.default_rng(0).dirichlet(np.full(6, 0.3), 500)
    real = np.array([0.3, 0.2, 0.2, 0.1, 0.1, 0.1])
    information = stats.entropy(p.mean(0)) - stats.entropy(p, axis=1).mean()
    assert inception_score(np.log(p)) == pytest.approx(math.exp(information), rel=1e-10)
    assert diversity_score(np.log(p), real) == pytest.approx(math.exp(-stats.entropy(p.mean(0), real)))


# Fréchet distance


def test_normals_in_closed_form() -> None:
    # For commuting covariances: ‖μ₁ - μ₂‖² + Σ (σ₁ - σ₂)².
    a, b = moments(normal(50, 3, 0)), moments(normal(50, 3, 0) * 3 + np.array([1.0, 2.0, 3.0]))
    offset = ((b.mean - a.mean) ** 2).sum()
    assert frechet_distance(a, b) == pytest.approx(offset + 4 * np.trace(a.covariance), rel=1e-12)


@pytest.mark.parametrize("dimensions", [1, 2, 16, 128])
def test_agrees_with_sqrtm(dimensions: int) -> None:
    a, b = normal(1000, dimensions, 0), normal(700, dimensions, 1) + 0.3
    assert frechet_distance(moments(a), moments(b)) == pytest.approx(by_sqrtm(a, b), rel=1e-8)


@pytest.mark.parametrize(("first", "second"), [(10, 500), (500, 10), (10, 12), (40, 40), (2, 2), (2, 500)])
def test_fewer_samples_than_dimensions(first: int, second: int) -> None:
    # The nuclear norm of the centred cross-Gram is the exact trace of the root.
    a, b = normal(first, 40, 0), normal(second, 40, 1)
    gram = (a - a.mean(0)) @ (b - b.mean(0)).T / math.sqrt((first - 1) * (second - 1))
    nuclear = np.linalg.svd(gram, compute_uv=False).sum()
    spread = a.var(0, ddof=1).sum() + b.var(0, ddof=1).sum() - 2 * nuclear
    expected = ((a.mean(0) - b.mean(0)) ** 2).sum() + spread
    assert fd_classifier(a, moments(b)) == pytest.approx(expected, rel=1e-9)


def test_singular_covariances() -> None:
    # Rank 3 in 8 dimensions, many samples: the distance is that of the three coordinates.
    basis = np.linalg.qr(normal(8, 8, 5))[0][:3]
    a, b = normal(300, 3, 0), normal(300, 3, 1) + 1
    lifted = frechet_distance(moments(a @ basis), moments(b @ basis))
    assert lifted == pytest.approx(by_sqrtm(a, b), rel=1e-9)


@pytest.mark.parametrize("count", [2, 30, 300])
def test_same_samples_are_at_no_distance(count: int) -> None:
    a = normal(count, 20, 0)
    assert fd_classifier(a, moments(a)) == pytest.approx(0, abs=1e-9 * np.trace(moments(a).covariance))


def test_constant_and_duplicate_features() -> None:
    real = normal(200, 6, 0)
    constant = np.tile(real.mean(0) + 2, (50, 1))
    assert fd_classifier(constant, moments(real)) == pytest.approx(24 + real.var(0, ddof=1).sum(), rel=1e-10)
    assert fd_classifier(constant, moments(constant + 1)) == pytest.approx(6)
    twice = np.hstack([real, real])
    other = normal(150, 6, 1)
    assert fd_classifier(np.hstack([other, other]), moments(twice)) == pytest.approx(
        2 * by_sqrtm(other, real), rel=1e-9
    )


def test_distance_is_symmetric() -> None:
    a, b = moments(normal(300, 12, 0)), moments(normal(9, 12, 1))
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a), rel=1e-10)
