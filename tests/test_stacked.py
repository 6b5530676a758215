"""Stacked digits: the data, the classifier that reads them channel by channel, and the count of their modes."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from twoplayer import data, extractors
from twoplayer.core.errors import UserError
from twoplayer.data._base import Dataset, DataSettings
from twoplayer.extractors import stacked_classifier
from twoplayer.extractors._base import ExtractorContext
from twoplayer.measurement import measure
from twoplayer.metrics import create
from twoplayer.metrics._stacked import mode_probabilities
from twoplayer.metrics.stacked_kl import stacked_kl
from twoplayer.metrics.stacked_modes import stacked_modes

UNIFORM = np.full(1000, 1e-3)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataSettings:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TWOPLAYER_DATA", raising=False)
    monkeypatch.setenv("TWOPLAYER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("twoplayer.data.stacked_digits.HELD_OUT_TRIPLES", 500)
    return DataSettings(progress=False)


def by_pixels(single: Dataset, part: str) -> dict[bytes, int]:
    return {
        image.tobytes(): int(label)
        for image, label in zip(getattr(single, part), getattr(single, f"{part}_labels"), strict=True)
    }


# ---- the data


def test_every_channel_is_a_digit_of_its_own_part(settings: DataSettings) -> None:
    single, stacked = data.load("digits", settings), data.load("stacked-digits", settings, count=700)
    assert stacked.shape == (3, 8, 8) and stacked.stacked and not single.stacked
    assert (len(stacked.train), len(stacked.held_out)) == (700, 500)
    assert len(stacked.class_names) == 1000 and stacked.class_names[37] == "037"
    for part in ("train", "held_out"):
        known = by_pixels(single, part)
        labels = getattr(stacked, f"{part}_labels")
        for triple, label in zip(getattr(stacked, part), labels, strict=True):
            a, b, c = (known[np.ascontiguousarray(triple[..., k]).tobytes()] for k in range(3))
            assert label == 100 * a + 10 * b + c


def test_pairing_follows_from_the_seed_alone(settings: DataSettings) -> None:
    def opened(seed: int = 0, **options: int) -> Dataset:
        return data.load("stacked-digits", DataSettings(seed=seed, progress=False), **{"count": 300, **options})

    one, again, other, more = opened(), opened(), opened(seed=1), opened(count=301)
    assert np.array_equal(one.train, again.train) and one.key == again.key
    assert not np.array_equal(one.train, other.train)
    assert len({one.key, other.key, more.key}) == 3


def test_all_thousand_modes_are_there(settings: DataSettings) -> None:
    stacked = data.load("stacked-digits", settings, count=20_000)
    assert stacked.train_labels is not None
    assert stacked_modes(stacked.train_labels).value == 1000
    assert stats.chisquare(np.bincount(stacked.train_labels // 100)).pvalue > 1e-6  # digits are about as common


def test_mnist_is_stacked_where_it_is_found(settings: DataSettings) -> None:
    from test_data import write_mnist

    write_mnist(Path("data/mnist"))
    stacked = data.load("stacked-digits", settings, digits="mnist", count=50)
    assert stacked.shape == (3, 28, 28) and len(stacked.train) == 50 and len(stacked.held_out) == 500
    single = data.load("mnist", settings)
    test = {image.tobytes() for image in single.held_out}
    assert all(np.ascontiguousarray(x[..., 1]).tobytes() in test for x in stacked.held_out)
    again = data.load("stacked-digits", settings, digits="mnist", count=50)  # out of the cache
    assert np.array_equal(again.train, stacked.train) and again.stacked


def test_mistakes_are_told(settings: DataSettings) -> None:
    with pytest.raises(UserError, match="must be digits or mnist"):
        data.load("stacked-digits", settings, digits="letters")
    with pytest.raises(UserError, match="count"):
        data.load("stacked-digits", settings, count=0)
    with pytest.raises(UserError, match="held_out above 0"):
        data.load("stacked-digits", DataSettings(held_out=0.0, progress=False), count=10)
    Path("data").mkdir()
    np.save("data/mnist.npy", np.zeros((30, 28, 28), np.uint8))
    with pytest.raises(UserError, match="no labels 0 to 9"):
        data.load("stacked-digits", settings, digits="mnist", count=10)


# ---- the classifier


def test_channels_are_classified_one_by_one(settings: DataSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stacked_classifier, "MAX_TRIPLES", 300)
    stacked = data.load("stacked-digits", settings, count=600)
    extractor = extractors.create("stacked-classifier", stacked, ExtractorContext())
    seen = extractor.extract(stacked.held_out[:300])
    assert seen.features.shape == (300, extractor.dimension) and seen.logits is not None
    assert np.exp(seen.logits.astype(float)).sum(1) == pytest.approx(1, abs=1e-4)
    right = seen.logits.argmax(1) == stacked.held_out_labels[:300]
    # All three digits have to be right.
    assert right.mean() > 0.7 and right.mean() == pytest.approx(extractor.accuracy**3, abs=0.1)
    assert "single digits correctly" in extractor.note
    swapped = extractor.extract(stacked.held_out[:300, :, :, ::-1].copy())
    modes = swapped.logits.argmax(1)
    assert np.array_equal(100 * (modes % 10) + 10 * (modes // 10 % 10) + modes // 100, seen.logits.argmax(1))
    found = measure(stacked.held_out[:300], stacked, extractor=extractor, metrics="stacked-modes,stacked-kl")
    figures = {figure.name: figure for figure in found.metric_values}
    covered, divergence = (figures[f"stacked_{name}_stacked_classifier_300"] for name in ("modes", "kl"))
    assert covered.value == len(set(seen.logits.argmax(1))) and covered.real_count == 300
    # Of 600 training triples few have the same modes: what is expected follows from how common their digits are.
    assert divergence.value == pytest.approx(
        stacked_kl(seen.logits.argmax(1), mode_probabilities(stacked.train_labels)).value
    )
    with pytest.raises(UserError, match="stacked digits"):
        extractors.create("stacked-classifier", data.load("digits", settings), ExtractorContext())


# ---- modes


def test_modes_and_divergence_of_known_histograms() -> None:
    half = np.repeat(np.arange(500), 4)
    assert stacked_modes(half).value == 500 and stacked_modes(half).error == pytest.approx(0, abs=6)
    assert stacked_kl(half, UNIFORM).value == pytest.approx(math.log(2))
    one = np.full(100, 7)
    assert (stacked_modes(one).value, stacked_modes(one).error) == (1, pytest.approx(0))
    found = stacked_kl(one, UNIFORM)
    assert (found.value, found.error) == (pytest.approx(math.log(1000)), pytest.approx(0, abs=1e-9))
    weights = np.random.default_rng(0).dirichlet(np.ones(1000))
    drawn = np.random.default_rng(1).choice(1000, 5000)
    expected = stats.entropy(np.bincount(drawn, minlength=1000), weights)
    assert stacked_kl(drawn, weights).value == pytest.approx(expected)
    absent = np.where(np.arange(1000) == 7, 0.0, 1 / 999)
    assert stacked_kl(one, absent).value == math.inf


def test_the_data_themselves_at_the_published_count() -> None:
    """26,000 samples of 1,000 equal modes cover all, and diverge by 999 / 52,000 on average."""
    random = np.random.default_rng(2)
    draws = [random.integers(1000, size=26_000) for _ in range(60)]
    found = [stacked_kl(d, UNIFORM) for d in draws]
    assert all(stacked_modes(d).value == 1000 for d in draws)
    assert np.mean([f.value for f in found]) == pytest.approx(999 / 52_000, rel=0.02)
    assert np.mean([f.error for f in found]) == pytest.approx(np.std([f.value for f in found]), rel=0.3)


def test_errors_away_from_the_data() -> None:
    random = np.random.default_rng(3)
    weights = random.dirichlet(np.full(1000, 0.2))
    draws = [random.choice(1000, 3000, p=weights) for _ in range(200)]
    kl, modes = [stacked_kl(d, UNIFORM) for d in draws], [stacked_modes(d) for d in draws]
    assert np.mean([f.error for f in kl]) == pytest.approx(np.std([f.value for f in kl]), rel=0.25)
    assert np.mean([f.error for f in modes]) == pytest.approx(np.std([f.value for f in modes]), rel=0.2)


def test_what_is_expected_follows_from_the_digits() -> None:
    random = np.random.default_rng(5)
    share = random.dirichlet(np.full(10, 5.0))
    digits = random.choice(10, (3, 50_000), p=share)
    expected = mode_probabilities(np.array([100, 10, 1]) @ digits)
    assert expected.sum() == pytest.approx(1)
    assert expected[123] == pytest.approx(share[1] * share[2] * share[3], rel=0.05)
    assert expected[[123, 321]] == pytest.approx(expected[[231, 132]])


@pytest.mark.parametrize("name", ["stacked-modes", "stacked-kl"])
def test_the_metrics(name: str) -> None:
    metric, drawn = create(name), np.random.default_rng(4).integers(1000, size=2000)
    assert metric.needs == "stacked" and metric.protocol_samples == 26_000
    assert metric.measure(drawn, UNIFORM) == metric.measure(drawn[::-1], UNIFORM)
