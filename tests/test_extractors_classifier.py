"""The classifier that looks at labelled images: its training, its cache, and what it is trusted for."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from torch import Tensor

from twoplayer import extractors
from twoplayer.core.errors import UserError
from twoplayer.extractors import _convnet, classifier
from twoplayer.extractors._base import Array, ExtractorContext
from twoplayer.extractors._convnet import ConvNet, train
from twoplayer.extractors.classifier import Classifier


@dataclass(frozen=True, eq=False)
class Images:
    """A data set of images."""

    train: Array
    train_labels: Array | None
    held_out: Array
    held_out_labels: Array | None
    class_names: tuple[str, ...] = ("left", "right", "both")
    stacked: bool = False
    name: str = "stripes"
    kind: Literal["images"] = "images"
    key: str = "stripes"


def stripes(count: int, seed: int) -> tuple[Array, Array]:
    """Noisy 8x8 images with the left, the right or both halves bright."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 3, count)
    images = random.integers(0, 90, (count, 8, 8, 1))
    images[labels != 1, :, :4] += 120
    images[labels != 0, :, 4:] += 120
    return images.astype(np.uint8), labels


def made(data: Images, cache: Path | None = None) -> Classifier:
    found: Classifier = extractors.create("classifier", data, ExtractorContext(cache=cache))
    return found


@pytest.fixture(scope="module")
def data() -> Images:
    return Images(*stripes(120, 0), *stripes(60, 1))


@pytest.fixture(scope="module")
def cache(data: Images, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cache")
    made(data, folder)
    return folder


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry for each training of a classifier."""
    log: list[int] = []

    def counted(images: Array, labels: Array, classes: int, **options: object) -> ConvNet:
        log.append(len(images))
        return train(images, labels, classes)

    monkeypatch.setattr(classifier, "train", counted)
    return log


def stored(cache: Path) -> Path:
    (path,) = (cache / "classifiers").glob("*.safetensors")
    return path


def copy_of(cache: Path, folder: Path) -> Path:
    for path in (cache / "classifiers").iterdir():
        (folder / "classifiers").mkdir(exist_ok=True)
        (folder / "classifiers" / path.name).write_bytes(path.read_bytes())
    return folder


def weights(network: ConvNet) -> list[Tensor]:
    return list(network.state_dict().values())


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
    data = Images(images[kept], digits.target[kept], images[out], digits.target[out], names, "digits", key="digits")
    lines: list[str] = []
    found: Classifier = extractors.create("classifier", data, ExtractorContext(cache=tmp_path, progress=lines.append))
    assert found.accuracy is not None and found.accuracy >= 0.97
    assert f"{found.accuracy:.1%}" in found.note
    assert len(lines) > 10


def test_the_second_call_does_not_train(data: Images, cache: Path, trainings: list[int]) -> None:
    loaded = made(data, cache)
    assert trainings == []
    fresh = made(replace(data, key="another"), cache.parent / "another")
    assert trainings == [120] and loaded.accuracy == fresh.accuracy and loaded.identity == fresh.identity
    assert np.array_equal(loaded.extract(data.train).features, fresh.extract(data.train).features)


def test_what_is_stored_is_true(data: Images, cache: Path) -> None:
    found = made(data, cache)
    seen = found.extract(data.held_out)
    assert seen.features.shape == (60, found.dimension) and seen.logits.shape == (60, 3)
    assert found.accuracy == (seen.logits.argmax(1) == data.held_out_labels).mean() >= 0.9
    facts = json.loads(stored(cache).with_suffix(".json").read_bytes())
    assert facts["accuracy"] == found.accuracy and facts["train_images"] == 120


@pytest.mark.parametrize("damage", ["cut", "flipped", "no facts", "facts cut", "facts not an object", "of another key"])
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
        case "of another key":
            facts.write_text(json.dumps({**json.loads(facts.read_bytes()), "key": "0123"}))
    made(data, tmp_path)
    assert trainings == [120]
    made(data, tmp_path)
    assert trainings == [120]
    assert len(list((tmp_path / "classifiers").iterdir())) == 2


def test_other_data_have_another_classifier(data: Images) -> None:
    named = {classifier._key(replace(data, key=key)) for key in ("a", "b", "")}
    assert len(named) == 3
    changed = data.train.copy()
    changed[0, 0, 0, 0] ^= 1
    assert classifier._key(replace(data, key="", train=changed)) != classifier._key(replace(data, key=""))


def test_the_cache_folder_is_the_environments(
    data: Images, cache: Path, monkeypatch: pytest.MonkeyPatch, trainings: list[int]
) -> None:
    monkeypatch.setenv("TWOPLAYER_CACHE", str(cache))
    made(data)
    assert trainings == []


def test_a_cache_that_cannot_be_written_costs_a_warning(data: Images, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.warns(UserWarning, match=r"cannot keep the classifier .*TWOPLAYER_CACHE"):
        found = made(data, tmp_path / "file")
    assert found.accuracy is not None


@pytest.mark.parametrize("labels", [None, np.zeros(120, np.int64)])
def test_images_without_labels_are_refused(data: Images, labels: Array | None, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="labels of two classes or more; stripes has none: take random-conv"):
        made(replace(data, train_labels=labels), tmp_path)
    assert not list(tmp_path.iterdir())


def test_without_held_out_labels_nothing_is_known_of_it(data: Images, tmp_path: Path) -> None:
    alone = made(replace(data, held_out=data.held_out[:0], held_out_labels=None, key="alone"), tmp_path)
    assert alone.accuracy is None and "unknown" in alone.note


@pytest.mark.parametrize(("side", "channels"), [(8, 1), (28, 1), (32, 3), (48, 3), (64, 3), (100, 3), (256, 1)])
def test_any_side_and_colour(side: int, channels: int) -> None:
    network = ConvNet(channels, side, 5).eval()
    images = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (2, channels, side, side)).astype(np.uint8))
    with torch.no_grad():
        features, logits = network.features(images), network(images)
    assert features.shape == (2, _convnet.FEATURES) and logits.shape == (2, 5)
    assert torch.isfinite(features).all() and features[0].ne(features[1]).any()


def test_shifts_keep_every_image_and_move_it_by_whole_pixels() -> None:
    images = np.random.default_rng(0).integers(0, 256, (64, 32, 32, 1)).astype(np.uint8)
    shifted = _convnet._shifted(images, 0)
    offsets = set()
    for before, after in zip(images, shifted, strict=True):
        inner = after[4:-4, 4:-4]
        moves = [(y, x) for y in range(-2, 3) for x in range(-2, 3)]
        found = [(y, x) for y, x in moves if np.array_equal(before[4 + y : 28 + y, 4 + x : 28 + x], inner)]
        assert len(found) == 1
        offsets.update(found)
    assert len(offsets) > 15
    assert np.array_equal(_convnet._shifted(images[:, :8, :8], 0), images[:, :8, :8])
