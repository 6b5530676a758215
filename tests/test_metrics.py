"""The metrics as a family, at the modes of toy densities, and on labels."""

from __future__ import annotations

import math
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from scipy import stats

from twoplayer import metrics
from twoplayer.core.errors import UserError
from twoplayer.metrics._base import Array, Estimate, FeatureSet, Modes, ReferenceFeatures, ReferenceParts
from twoplayer.metrics.diversity_score import diversity_score
from twoplayer.metrics.high_quality_share import high_quality_share
from twoplayer.metrics.inception_score import inception_score
from twoplayer.metrics.mode_kl import mode_kl
from twoplayer.metrics.modes_covered import modes_covered
from twoplayer.testing import check_metric

SQUARE = Modes(np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), 0.1, np.full(4, 0.25))
CLASSES = 5


def corners(count: int, seed: int, weights: Array = SQUARE.weights) -> Array:
    random = np.random.default_rng(seed)
    chosen = SQUARE.centres[random.choice(4, count, p=weights)]
    return (chosen + SQUARE.deviation * random.normal(size=(count, 2))).astype(np.float32)


def log_one_hot(classes: Array, count: int) -> Array:
    with np.errstate(divide="ignore"):
        return np.log(np.eye(count)[classes])


def log_probabilities(count: int, classes: int, seed: int, sure: float = 0.3) -> Array:
    return np.log(np.random.default_rng(seed).dirichlet(np.full(classes, sure), count))


def features(count: int, seed: int, dimensions: int = 40) -> Array:
    random = np.random.default_rng(seed)
    return (random.normal(size=(count, dimensions)) @ np.diag(1 / np.arange(1, dimensions + 1)) + 1).astype(np.float32)


def view(need: str, count: int, seed: int) -> Any:
    """Samples as a metric of that need takes them."""
    match need:
        case "density":
            return corners(count, seed)
        case "classes":
            return FeatureSet(features(count, seed), log_probabilities(count, CLASSES, seed))
        case "stacked":
            return np.random.default_rng(seed).integers(0, 1000, count)
    return features(count, seed) + 0.05 * seed


def reference(need: str, order: Array | None = None) -> Any:
    """What samples are held against; real ones come in the `order` given."""
    real = FeatureSet(features(300, 8), log_probabilities(300, CLASSES, 8))
    if order is not None:
        real = FeatureSet(real.features[order], real.logs[order])
    match need:
        case "density":
            return SQUARE
        case "stacked":
            return np.full(1000, 1e-3)
        case "copies":
            return ReferenceParts(real.features, features(200, 9))
    return ReferenceFeatures(real)


def rows(samples: Any, order: Array) -> Any:
    return (
        FeatureSet(samples.features[order], samples.logs[order]) if isinstance(samples, FeatureSet) else samples[order]
    )


# ---- the family


@pytest.mark.parametrize("name", metrics.names())
def test_every_member_states_what_it_is(name: str) -> None:
    description, metric = metrics.describe(name), metrics.create(name)
    assert description.summary and description.source
    assert name.replace("-", "_") == metric.name
    assert metric.needs in {"density", "classes", "features", "copies", "stacked"}
    assert metric.higher_is_better in {True, False, None}
    assert 2 <= metric.min_samples <= metric.protocol_samples


def test_listing_imports_neither_torch_nor_numpy() -> None:
    code = (
        "import sys; from twoplayer import metrics; [metrics.describe(n) for n in metrics.names()];"
        "assert not {'torch', 'numpy', 'scipy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_measuring_features_imports_neither_torch_nor_torchmetrics() -> None:
    code = (
        "import sys, numpy as np; from twoplayer.metrics.fd import fd;"
        "from twoplayer.metrics.precision import precision;"
        "x = np.random.default_rng(0).normal(size=(50, 3)); fd(x, x + 1); precision(x, x + 1);"
        "assert not {'torch', 'torchmetrics', 'sklearn', 'ot'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", metrics.names())
def test_the_contract(name: str) -> None:
    # Cells of a clustering and duals of a transport between samples of equal weights are not unique.
    check_metric(name, error_depends_on_order=name in {"memorization-test", "wasserstein"})


@pytest.mark.parametrize("name", [n for n in metrics.names() if metrics.family.find(n).needs == "features"])
def test_features_that_are_not_finite_are_refused(name: str) -> None:
    samples = view("features", 150, 1)
    samples[3, 2] = np.nan
    with pytest.raises(UserError, match=r"1 of 150 .* not finite"):
        metrics.create(name).measure(samples, reference("features"))


@pytest.mark.parametrize("name", [n for n in metrics.names() if metrics.family.find(n).needs == "features"])
def test_features_of_other_dimensions_are_refused(name: str) -> None:
    metric = metrics.create(name)
    if not metric.ignores_reference:
        with pytest.raises(UserError, match="dimensions"):
            metric.measure(view("features", 150, 1)[:, :7], reference("features"))


# ---- modes


def test_modes_of_constructed_points() -> None:
    points = np.array([[0.0, 0.29], [0.0, 0.0], [1.0, 0.0], [1.0, 0.31], [0.5, 0.5], [np.nan, 1.0], [np.inf, 0]])
    assert modes_covered(points, SQUARE).value == 2
    share = high_quality_share(points, SQUARE)
    assert share.value == pytest.approx(3 / 7)
    assert share.error == pytest.approx(math.sqrt(3 / 7 * 4 / 7 / 6))
    assert mode_kl(points, SQUARE).value == pytest.approx(stats.entropy([2 / 3, 0, 1 / 3, 0], SQUARE.weights))


def test_one_mode_alone_costs_the_logarithm_of_the_number_of_modes() -> None:
    points = np.tile(SQUARE.centres[2], (50, 1))
    assert (modes_covered(points, SQUARE).value, high_quality_share(points, SQUARE).value) == (1, 1.0)
    assert mode_kl(points, SQUARE).value == pytest.approx(math.log(4))


def test_nothing_near_a_mode() -> None:
    points = np.full((20, 2), 9.0)
    assert modes_covered(points, SQUARE) == Estimate(0.0, 0.0)
    assert high_quality_share(points, SQUARE) == Estimate(0.0, 0.0)
    assert mode_kl(points, SQUARE) == Estimate(math.inf)


# ---- labels


@pytest.mark.parametrize("name", [n for n in metrics.names() if metrics.family.find(n).needs == "classes"])
def test_what_is_no_log_probability_is_refused(name: str) -> None:
    # NaN would score 1: the best diversity, and the inception score of one class.
    metric, good = metrics.create(name), view("classes", 150, 1)
    for logs, said in (
        (np.where(np.arange(150)[:, None] == 3, np.nan, good.logs), "1 of 150 samples have probabilities that are NaN"),
        (np.exp(good.logs), "log-probabilities are at most 0"),
        (good.logs[:, 0], "one row per sample"),
    ):
        with pytest.raises(UserError, match=said):
            metric.measure(FeatureSet(good.features, logs), reference("classes"))


def test_scores_do_not_mind_in_how_many_parts_samples_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    logs, real = log_probabilities(300, CLASSES, 1), np.full(CLASSES, 1 / CLASSES)
    scores = (inception_score, lambda logs: diversity_score(logs, real))
    at_once = [score(logs) for score in scores]
    monkeypatch.setattr("twoplayer.metrics._labels.CHUNK", 7)
    for score, whole in zip(scores, at_once, strict=True):
        assert (score(logs).value, score(logs).error) == pytest.approx((whole.value, whole.error), rel=1e-12)


@pytest.mark.parametrize("classes", [2, 10, 100])
def test_sure_and_even_labels_score_the_number_of_classes(classes: int) -> None:
    logs = log_one_hot(np.arange(5 * classes) % classes, classes)
    assert inception_score(logs).value == pytest.approx(classes)
    assert diversity_score(logs, np.full(classes, 1 / classes)).value == pytest.approx(1)


def test_one_label_alone() -> None:
    logs = log_one_hot(np.zeros(30, int), 4)
    assert inception_score(logs) == Estimate(pytest.approx(1), pytest.approx(0))
    assert diversity_score(logs, np.full(4, 0.25)) == Estimate(pytest.approx(1 / 4), pytest.approx(0))
    assert diversity_score(logs, np.array([0.0, 0.5, 0.25, 0.25])) == Estimate(0.0)


def test_unsure_labels_score_one_but_are_diverse() -> None:
    logs = np.log(np.full((30, 4), 0.25))
    assert inception_score(logs).value == pytest.approx(1)
    assert diversity_score(logs, np.full(4, 0.25)).value == pytest.approx(1)


def test_a_class_that_neither_has_costs_nothing() -> None:
    logs = log_one_hot(np.arange(30) % 2, 3)
    found = diversity_score(logs, np.array([0.25, 0.75, 0.0]))
    assert found.value == pytest.approx(math.exp(-stats.entropy([0.5, 0.5], [0.25, 0.75])))
    assert found.error is not None and math.isfinite(found.error)


def test_scores_agree_with_entropies() -> None:
    # IS is exp of the mutual information, H(E p) - E H(p).
    p = np.random.default_rng(0).dirichlet(np.full(6, 0.3), 500)
    real = np.array([0.3, 0.2, 0.2, 0.1, 0.1, 0.1])
    information = stats.entropy(p.mean(0)) - stats.entropy(p, axis=1).mean()
    assert inception_score(np.log(p)).value == pytest.approx(math.exp(information), rel=1e-10)
    assert diversity_score(np.log(p), real).value == pytest.approx(math.exp(-stats.entropy(p.mean(0), real)))


@pytest.mark.filterwarnings("ignore:Metric `InceptionScore` will save")
def test_inception_score_agrees_with_torchmetrics() -> None:
    import torch
    from torchmetrics.image.inception import InceptionScore

    logits = torch.randn(400, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 3
    theirs = InceptionScore(feature=torch.nn.Identity(), splits=2)
    theirs.update(torch.cat([logits, logits]))
    # Both of their splits hold about the same labels; ours is over all.
    mean, _ = theirs.compute()
    ours = inception_score(logits.log_softmax(1).numpy())
    assert ours.error is not None
    assert abs(ours.value - float(mean)) < 3 * ours.error
    p = logits.softmax(1)
    exact = (p * (p.log() - p.mean(0).log())).sum(1).mean().exp()  # their compute, for one split
    assert ours.value == pytest.approx(float(exact), rel=1e-12)


def test_inception_score_agrees_with_torch_fidelity() -> None:
    fidelity = pytest.importorskip("torch_fidelity.metric_isc", exc_type=ImportError)
    import torch

    logits = torch.randn(400, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 3
    theirs = fidelity.isc_features_to_metric(logits, splits=1, shuffle=False)["inception_score_mean"]
    assert inception_score(logits.log_softmax(1).numpy()).value == pytest.approx(theirs, rel=1e-12)


def test_splits_are_drawn_at_random_from_samples_in_order_of_their_class() -> None:
    # Cut in order, ten splits of ten classes would hold a class each and score 1 (guided-diffusion#165: 62 for 298).
    logs = log_one_hot(np.repeat(np.arange(10), 100), 10)
    found = inception_score(logs, splits=10)
    assert 9.3 < found.value < 10
    assert inception_score(logs[np.random.default_rng(0).permutation(1000)], splits=10) == found
    assert inception_score(logs).value == pytest.approx(10)


def test_splits_are_biased_downwards() -> None:
    # Samples are nearer to the mean of few of them, to which they belong, than to that of all.
    logs = log_probabilities(600, 50, 0, sure=0.2)
    assert inception_score(logs, splits=10).value < inception_score(logs).value
    with pytest.raises(UserError, match="fewer splits"):
        inception_score(logs, splits=601)
