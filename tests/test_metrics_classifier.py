"""The classifier that judges images: its training, its cache, and figures of labelled images."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from torch import Tensor

from twoplayer import metrics
from twoplayer.errors import UserError
from twoplayer.metrics import _classifier, _judge
from twoplayer.metrics._base import Array
from twoplayer.metrics._classifier import Classifier, extract, train
from twoplayer.metrics._judge import judge


@dataclass(frozen=True, eq=False)
class Images:
    """A data set of images."""

    train: Array
    train_labels: Array | None
    held_out: Array
    held_out_labels: Array | None
    class_names: tuple[str, ...] = ("left", "right", "both")
    kind: Literal["images"] = "images"
    density: None = None
    key: str = "stripes"


def stripes(count: int, seed: int) -> tuple[Array, Array]:
    """Noisy 8x8 images with the left, the right or both halves bright."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 3, count)
    images = random.integers(0, 90, (count, 8, 8, 1))
    images[labels != 1, :, :4] += 120
    images[labels != 0, :, 4:] += 120
    return images.astype(np.uint8), labels


@pytest.fixture(scope="module")
def data() -> Images:
    return Images(*stripes(120, 0), *stripes(60, 1))


@pytest.fixture(scope="module")
def cache(data: Images, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cache")
    judge(data, cache=folder)
    return folder


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry for each training of a classifier."""
    log: list[int] = []

    def counted(images: Array, labels: Array, classes: int, **options: object) -> Classifier:
        log.append(len(images))
        return train(images, labels, classes)

    monkeypatch.setattr(_judge, "train", counted)
    return log


def stored(cache: Path) -> Path:
    (path,) = (cache / "classifiers").glob("*.safetensors")
    return path


def copy_of(cache: Path, folder: Path) -> Path:
    for path in (cache / "classifiers").iterdir():
        (folder / "classifiers").mkdir(exist_ok=True)
        (folder / "classifiers" / path.name).write_bytes(path.read_bytes())
    return folder


def weights(classifier: Classifier) -> list[Tensor]:
    return list(classifier.state_dict().values())


def test_training_is_deterministic_and_leaves_the_global_generators_alone(data: Images) -> None:
    torch.manual_seed(3)
    np.random.seed(3)
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    first = train(data.train[:60], data.train_labels[:60], 3)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.array_equal(np.random.get_state()[1], before[1])
    torch.manual_seed(4)
    with torch.no_grad():
        second = train(data.train[:60], data.train_labels[:60], 3)
    assert all(torch.equal(a, b) for a, b in zip(weights(first), weights(second), strict=True))


def test_it_reads_handwritten_digits(tmp_path: Path) -> None:
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = (digits.images * (255 / 16)).round().astype(np.uint8)[..., None]
    order = np.random.default_rng(0).permutation(len(images))
    kept, out = order[:1437], order[1437:]
    names = tuple("0123456789")
    data = Images(images[kept], digits.target[kept], images[out], digits.target[out], names, key="digits")
    lines: list[str] = []
    measured = metrics.measure(images[kept[:1000]], data, cache=tmp_path, say=lines.append)
    assert measured.classifier_accuracy is not None and measured.classifier_accuracy >= 0.97
    assert f"{measured.classifier_accuracy:.1%}" in measured.note
    assert len(lines) > 10
    figures = {f.name: f for f in measured.figures}
    assert figures["inception_score_classifier_1k"].value > 9
    assert figures["diversity_score_classifier_1k"].value > 0.99
    distance = figures["fd_classifier_1k"]
    assert distance.real is not None and distance.value < distance.real
    assert distance.real_count == 360
    noise = np.random.default_rng(1).integers(0, 256, (1000, 8, 8, 1)).astype(np.uint8)
    far = {f.name: f for f in metrics.measure(noise, data, cache=tmp_path).figures}
    assert far["fd_classifier_1k"].value > 20 * distance.value
    assert far["fd_classifier_1k"].real == distance.real


def test_the_second_call_does_not_train(data: Images, cache: Path, trainings: list[int]) -> None:
    first = metrics.measure(data.train, data, cache=cache)
    assert trainings == []
    assert metrics.measure(data.train, data, cache=cache) == first
    assert {f.name for f in first.figures} == {
        "inception_score_classifier_120",
        "diversity_score_classifier_120",
        "fd_classifier_120",
    }


def test_a_fresh_judge_is_the_stored_one(data: Images, cache: Path, tmp_path: Path) -> None:
    fresh, loaded = judge(data, cache=tmp_path), judge(data, cache=cache)
    assert fresh.accuracy == loaded.accuracy
    assert np.array_equal(fresh.reference.moments.covariance, loaded.reference.moments.covariance)
    assert np.array_equal(fresh.extract(data.train).features, loaded.extract(data.train).features)


def test_what_is_stored_is_true(data: Images, cache: Path) -> None:
    trusted = judge(data, cache=cache)
    labels = trusted.extract(data.held_out).log_probabilities.argmax(1)
    assert trusted.accuracy == (labels == data.held_out_labels).mean() >= 0.9
    seen = trusted.extract(data.train)
    assert trusted.reference.class_probabilities == pytest.approx(np.exp(seen.log_probabilities).mean(0), rel=1e-5)
    assert trusted.reference.moments.mean == pytest.approx(seen.features.mean(0), rel=1e-5, abs=1e-6)
    covariance = np.cov(seen.features, rowvar=False)
    assert trusted.reference.moments.covariance == pytest.approx(covariance, rel=1e-4, abs=1e-6)
    facts = json.loads(stored(cache).with_suffix(".json").read_bytes())
    assert facts["accuracy"] == trusted.accuracy and facts["train_images"] == 120


@pytest.mark.parametrize("damage", ["cut", "flipped", "no facts", "facts cut", "facts not an object", "newer"])
def test_a_damaged_cache_is_trained_anew(
    damage: str, data: Images, cache: Path, tmp_path: Path, trainings: list[int]
) -> None:
    path = stored(copy_of(cache, tmp_path))
    facts, whole = path.with_suffix(".json"), path.read_bytes()
    match damage:
        case "cut":
            path.write_bytes(whole[: len(whole) // 2])
        case "flipped":
            path.write_bytes(whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:])
        case "no facts":
            facts.unlink()
        case "facts cut":
            facts.write_bytes(facts.read_bytes()[:20])
        case "facts not an object":
            facts.write_text("[]")
        case "newer":
            facts.write_text(json.dumps({**json.loads(facts.read_bytes()), "format": 99}))
    judge(data, cache=tmp_path)
    assert trainings == [120]
    judge(data, cache=tmp_path)
    assert trainings == [120]
    assert len(list((tmp_path / "classifiers").iterdir())) == 2


def test_other_data_have_another_judge(data: Images, cache: Path) -> None:
    named = {_judge._key(replace(data, key=key)) for key in ("a", "b", "")}
    assert len(named) == 3
    changed = data.train.copy()
    changed[0, 0, 0, 0] ^= 1
    assert _judge._key(replace(data, key="", train=changed)) != _judge._key(replace(data, key=""))


def test_the_cache_folder_is_the_environments(
    data: Images, cache: Path, monkeypatch: pytest.MonkeyPatch, trainings: list[int]
) -> None:
    monkeypatch.setenv("TWOPLAYER_CACHE", str(cache))
    judge(data)
    assert trainings == []


def test_a_cache_that_cannot_be_written_costs_a_warning(data: Images, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.warns(UserWarning, match="TWOPLAYER_CACHE"):
        trusted = judge(data, cache=tmp_path / "file")
    assert trusted.accuracy is not None


def test_features_do_not_depend_on_batch_or_order(data: Images, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    classifier = judge(data, cache=cache).classifier
    features, logits = extract(classifier, data.train)
    order = np.random.default_rng(0).permutation(len(data.train))
    pieces = [extract(classifier, data.train[order[i : i + 7]]) for i in range(0, len(order), 7)]
    assert torch.allclose(torch.cat([p[0] for p in pieces]), features[order], atol=1e-5)
    assert torch.allclose(torch.cat([p[1] for p in pieces]), logits[order], atol=1e-4)


def test_ceiling_is_measured_on_as_many_held_out_images(data: Images, cache: Path) -> None:
    counts = {len(s): metrics.measure(s, data, cache=cache).figures for s in (data.train[:50], data.train)}
    assert {f.real_count for f in counts[50]} == {50}
    assert {f.real_count for f in counts[120]} == {60}


def test_memory_maps_are_read_as_they_are(data: Images, cache: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "samples.npy", data.train)
    mapped = np.load(tmp_path / "samples.npy", mmap_mode="r")
    assert metrics.measure(mapped, data, cache=cache) == metrics.measure(data.train, data, cache=cache)


@pytest.mark.parametrize("labels", [None, np.zeros(120, np.int64)])
def test_images_without_labels_have_no_figures(data: Images, labels: Array | None, tmp_path: Path) -> None:
    measured = metrics.measure(data.train, replace(data, train_labels=labels), cache=tmp_path)
    assert measured.figures == () and "labels" in measured.note
    assert not list(tmp_path.iterdir())


def test_nothing_held_out_means_no_ceiling(data: Images, tmp_path: Path) -> None:
    alone = replace(data, held_out=data.held_out[:0], held_out_labels=None, key="alone")
    measured = metrics.measure(data.train, alone, cache=tmp_path)
    assert measured.classifier_accuracy is None
    assert len(measured.figures) == 3 and {f.real for f in measured.figures} == {None}


def test_floating_point_images_are_refused(data: Images, cache: Path) -> None:
    with pytest.raises(UserError, match="uint8"):
        metrics.measure(data.train / 127.5 - 1, data, cache=cache)


@pytest.mark.parametrize(("side", "channels"), [(8, 1), (28, 1), (32, 3), (48, 3), (64, 3), (100, 3), (256, 1)])
def test_any_side_and_colour(side: int, channels: int) -> None:
    classifier = Classifier(channels, side, 5).eval()
    images = np.random.default_rng(0).integers(0, 256, (2, side, side, channels)).astype(np.uint8)
    features, logits = extract(classifier, images)
    assert features.shape == (2, 128) and logits.shape == (2, 5)
    assert torch.isfinite(features).all() and features[0].ne(features[1]).any()


def test_shifts_keep_every_image_and_move_it_by_whole_pixels() -> None:
    images = np.random.default_rng(0).integers(0, 256, (64, 32, 32, 1)).astype(np.uint8)
    shifted = _classifier._shifted(images, 0)
    offsets = set()
    for before, after in zip(images, shifted, strict=True):
        inner = after[4:-4, 4:-4]
        moves = [(y, x) for y in range(-2, 3) for x in range(-2, 3)]
        found = [(y, x) for y, x in moves if np.array_equal(before[4 + y : 28 + y, 4 + x : 28 + x], inner)]
        assert len(found) == 1
        offsets.update(found)
    assert len(offsets) > 15
    assert np.array_equal(_classifier._shifted(images[:, :8, :8], 0), images[:, :8, :8])
