"""Datasets in memory as data sources: torch datasets and Hugging Face datasets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset, IterableDataset, Subset, TensorDataset

import twoplayer
from twoplayer import Run, data
from twoplayer.core.errors import UserError
from twoplayer.data import torch_dataset
from twoplayer.data._base import DataSettings
from twoplayer.data.torch_dataset import TorchDataset

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.integers(0, 256, (24, 8, 8, 3), dtype=np.uint8)
GRAY = RANDOM.integers(0, 256, (24, 8, 8), dtype=np.uint8)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataSettings:
    monkeypatch.chdir(tmp_path)
    return DataSettings(cache=tmp_path / "cache", progress=False)


class Listed(Dataset[Any]):
    """The items of a list."""

    def __init__(self, items: Any, classes: Any = None) -> None:
        self.items = items
        if classes is not None:
            self.classes = classes

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Any:
        return self.items[index]


def together(opened: Any) -> list[bytes]:
    """The samples of both parts, in an order that does not depend on the split."""
    return sorted(x.tobytes() for x in np.concatenate([opened.train, opened.held_out]))


def chw(images: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()


# ---- torch datasets


@pytest.mark.parametrize(
    "items",
    [
        list(chw(IMAGES)),
        list(torch.from_numpy(IMAGES)),
        list(chw(IMAGES).float() / 255),
        list(chw(IMAGES).double() / 127.5 - 1),
        list(IMAGES),
        list(np.moveaxis(IMAGES, 3, 1)),
        [Image.fromarray(image) for image in IMAGES],
        [(Image.fromarray(image),) for image in IMAGES],
    ],
    ids=["uint8 CHW", "uint8 HWC", "[0, 1]", "[-1, 1]", "array HWC", "array CHW", "Pillow", "1-tuples"],
)
def test_images_of_every_kind_are_the_same_pixels(settings: DataSettings, items: Any) -> None:
    opened = data.load(Listed(items), settings)
    assert opened.kind == "images" and opened.shape == (3, 8, 8) and opened.name == "Listed"
    assert together(opened) == sorted(x.tobytes() for x in IMAGES)
    assert opened.train_labels is None
    assert opened.key == data.load(Listed(list(items)), settings).key
    assert opened.key != data.load(Listed(list(items)[::-1]), settings).key
    assert data.kind_of(Listed(items)) == "images"


def test_gray_images(settings: DataSettings) -> None:
    for items in (list(GRAY), list(torch.from_numpy(GRAY)), [Image.fromarray(g) for g in GRAY], list(GRAY[..., None])):
        opened = data.load(Listed(items), settings)
        assert opened.shape == (1, 8, 8) and together(opened) == sorted(x.tobytes() for x in GRAY)
    assert data.load(Listed(list(GRAY)), settings, channels=3).shape == (3, 8, 8)
    mixed = [Image.fromarray(x) for x in (*GRAY, *IMAGES)]
    assert data.load(Listed(mixed), settings).shape == (3, 8, 8)


def test_half_precision_and_bool_tensors_are_images(settings: DataSettings) -> None:
    black_and_white = torch.from_numpy(GRAY > 127)
    expected = together(data.load(GRAY // 128 * np.uint8(255), settings))
    for tensor in (black_and_white, black_and_white.to(torch.bfloat16), black_and_white.half()):
        assert together(data.load(Listed(list(tensor)), settings)) == expected


def test_pillow_images_of_several_sizes_are_resized_as_those_of_a_folder(settings: DataSettings) -> None:
    pictures = [Image.fromarray(RANDOM.integers(0, 256, (20 + i, 90, 3), dtype=np.uint8)) for i in range(12)]
    Path("pictures").mkdir()
    for i, picture in enumerate(pictures):
        picture.save(f"pictures/{i:02}.png")
    from_folder, opened = data.load("pictures", settings), data.load(Listed(pictures), settings)
    assert opened.shape == (3, 64, 64) and together(opened) == together(from_folder)
    assert opened.native == ((20, 90), (31, 90))
    assert data.load(Listed(pictures), DataSettings(resolution=16)).shape == (3, 16, 16)
    large = [Image.fromarray(np.zeros((80, 100), np.uint8))] * 4
    assert data.load(Listed(large), settings).shape == (1, 64, 64)


def test_large_datasets_are_decoded_once_into_the_cache(
    settings: DataSettings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    small = data.load(Listed([(x, i % 3) for i, x in enumerate(chw(IMAGES))]), settings)
    monkeypatch.setattr(torch_dataset, "MAX_BYTES_IN_MEMORY", 1000)
    for _ in range(2):
        opened = data.load(Listed([(x, i % 3) for i, x in enumerate(chw(IMAGES))]), settings)
        assert isinstance(opened.train, np.memmap) and opened.key == small.key
        assert np.array_equal(opened.train, small.train)
        assert opened.train_labels is not None and np.array_equal(opened.train_labels, small.train_labels)
    assert len(list((tmp_path / "cache" / "images").iterdir())) == 1


def test_points(settings: DataSettings) -> None:
    points = RANDOM.normal(size=(50, 3)).astype(np.float32)
    labels = torch.arange(50) % 2
    opened = data.load(TensorDataset(torch.from_numpy(points), labels), settings)
    assert opened.kind == "points" and opened.shape == (3,)
    assert together(opened) == sorted(x.tobytes() for x in points)
    assert opened.train_labels is not None and set(opened.train_labels) == {0, 1}
    assert data.kind_of(TensorDataset(torch.from_numpy(points))) == "points"


def test_labels_and_class_names(settings: DataSettings) -> None:
    numbers = [i % 3 for i in range(24)]
    named = Listed(list(zip(IMAGES, numbers, strict=True)), classes=["cat", "dog", "eel"])
    opened = data.load(named, settings)
    assert opened.class_names == ("cat", "dog", "eel")
    assert opened.train_labels is not None and opened.train_labels.dtype == np.int64
    cats = {IMAGES[i].tobytes() for i in range(0, 24, 3)}
    assert {x.tobytes() in cats for x, label in zip(opened.train, opened.train_labels, strict=True) if label == 0} == {
        True
    }
    assert data.load(Subset(named, range(0, 12)), settings).class_names == ("cat", "dog", "eel")
    words = Listed([(x, "ab"[i % 2]) for i, x in enumerate(IMAGES)])
    assert data.load(words, settings).class_names == ("a", "b")
    tensors = TensorDataset(chw(IMAGES), torch.tensor(numbers))
    assert data.load(tensors, settings).class_names == ("0", "1", "2")
    assert data.load(tensors, settings).key != data.load(TensorDataset(chw(IMAGES)), settings).key


class Endless(IterableDataset[Any]):
    def __iter__(self) -> Any:
        yield from IMAGES


class Noisy(Dataset[Any]):
    """Changes with each read."""

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> torch.Tensor:
        return torch.rand(1, 8, 8)


class Broken(Noisy):
    def __getitem__(self, index: int) -> torch.Tensor:
        raise OSError("disk gone")


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        (Listed([]), "Listed is empty: give a dataset with items"),
        (Endless(), "Endless has no length.*map-style"),
        (Noisy(), "Noisy yields other values each time it is read: leave random transforms out"),
        (Broken(), "item 0 of Broken cannot be read: OSError: disk gone"),
        (DataLoader(Listed([0])), "cannot be a DataLoader.*give its dataset"),
        (Listed([{"image": IMAGES[0]}] * 4), r"item 0 of Listed is a dict: give a sample, or a tuple \(sample, la"),
        (Listed([(IMAGES[0], 1, 2)] * 4), r"item 0 of Listed is a tuple of 3: give \(sample, label\)"),
        (Listed(["a.png"] * 4), "item 0 of Listed is of the type str: give a tensor, a numpy array or a Pillow image"),
        (Listed([np.array(3.0)] * 4), r"has the shape \(\): give an image"),
        (Listed([np.zeros((4, 5, 6))] * 4), "has the shape .*an image of 1 or 3 channels"),
        (Listed([np.array(["a"])] * 4), "holds values of the type <U1: give numbers"),
        (Listed([IMAGES[0], IMAGES[1, :4]]), r"item 1 of Listed is an image array of shape \(4, 8, 3\).*one shape"),
        (Listed([IMAGES[0], IMAGES[1] / 255]), "item 1 of Listed is an image array of shape .* and type float64"),
        (Listed([IMAGES[0], np.zeros(3, np.uint8)]), "item 1 of Listed is a point and item 0 is an image array"),
        (Listed([IMAGES[0], Image.fromarray(GRAY[0])]), "item 1 of Listed is a Pillow image and item 0 is an image ar"),
        (Listed([(IMAGES[0], 1), IMAGES[1]]), "item 1 of Listed has no label where item 0 has one"),
        (Listed([(IMAGES[0], np.zeros(3))] * 2), r"the label of item 0 of Listed is of shape \(3,\): give one whole"),
        (Listed([(IMAGES[0], 0.5)] * 2), "the label of item 0 of Listed is 0.5: give one whole number or class name"),
        (Listed(list(np.float32(IMAGES))), r"Listed has float pixels in 0\.\.255: scale them"),
        (Listed([np.full((4, 4), np.nan)] * 3), "Listed has pixels that are not numbers"),
        (Listed(list(IMAGES[:1])), "a batch needs 2"),
        (5, "a torch or a Hugging Face dataset, not int"),
        ({"a": IMAGES}, "a torch or a Hugging Face dataset, not dict"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_told_in_one_sentence(settings: DataSettings, dataset: Any, message: str) -> None:
    with pytest.raises(UserError, match=message) as raised:
        data.load(dataset, settings)
    assert "\n" not in str(raised.value)


# ---- Hugging Face datasets


def rows(count: int = 24) -> datasets.Dataset:
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=["cat", "dog"])})
    return datasets.Dataset.from_dict(
        {"image": [Image.fromarray(x) for x in IMAGES[:count]], "label": [i % 2 for i in range(count)]}, features
    )


def test_hugging_face_datasets_in_memory(settings: DataSettings) -> None:
    opened = data.load(rows(), settings)
    assert opened.kind == "images" and opened.shape == (3, 8, 8) and opened.name == "Dataset"
    assert together(opened) == sorted(x.tobytes() for x in IMAGES)
    assert opened.class_names == ("cat", "dog") and opened.train_labels is not None
    assert opened.key == data.load(rows().with_format("torch"), settings).key
    assert opened.key != data.load(rows().select(range(20)), settings).key
    assert data.load(rows(), settings, label="label", channels=1).shape == (1, 8, 8)
    both = datasets.DatasetDict({"train": rows(16), "test": rows(8)})
    assert [len(x) for x in (data.load(both, settings).train, data.load(both, settings).held_out)] == [16, 8]
    points = datasets.Dataset.from_dict({"x": RANDOM.normal(size=20).tolist(), "y": RANDOM.normal(size=20).tolist()})
    assert data.load(points, settings).shape == (2,) and data.kind_of(points) == "points"


def test_streaming_datasets_are_refused(settings: DataSettings) -> None:
    with pytest.raises(UserError, match="load it without streaming=True"):
        data.load(rows().to_iterable_dataset(), settings)
    with pytest.raises(UserError, match="has no column 'imag': did you mean"):
        data.load(rows(), settings, image="imag")


# ---- runs


@pytest.mark.parametrize(
    ("dataset", "name", "short"),
    [
        (TensorDataset(chw(IMAGES)), "object:torch.utils.data.dataset:TensorDataset", "TensorDataset"),
        (rows(4), "object:datasets.arrow_dataset:Dataset", "Dataset"),
        (Listed(list(IMAGES)), f"object:{__name__}:Listed", "Listed"),
    ],
)
def test_a_config_names_the_class(dataset: Any, name: str, short: str) -> None:
    assert data.spell(dataset) == name == data.spell(name)
    assert data.short_name(dataset) == short == data.short_name(name)
    assert data.is_in_memory(name)
    assert {"channels", "subset"} <= set(data.options_for(dataset))
    with pytest.raises(UserError, match=f"an object of the class {name[7:]} in memory: pass them again"):
        data.kind_of(name)


def test_a_run_on_a_torch_dataset(tiny: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    dataset = TensorDataset(chw(IMAGES)[:, :1], torch.arange(24) % 2)
    run = tiny("cgan", dataset, batch_size=8, steps=1)
    assert run.config.data["name"] == "object:torch.utils.data.dataset:TensorDataset"
    assert run.data["name"] == "TensorDataset" and run.sample(2).array.shape == (2, 8, 8, 1)
    sentence = "an object of the class torch.utils.data.dataset:TensorDataset in memory: pass it again"
    for forgotten in (run.evaluate, Run(run.path).evaluate):
        with pytest.raises(UserError, match=sentence):
            forgotten(n=10)
    with pytest.raises(UserError, match="in memory: pass them again"):
        twoplayer.train(config=run.path / "config.yaml", run=run.path)
    again = twoplayer.train(config=run.path / "config.yaml", data=dataset, run=run.path, steps=2)
    assert again.status["step"] == 2
    names = {figure.name for figure in again.evaluate(n=12, data=dataset).metric_values}
    assert any("label" in name for name in names)  # conditions are judged on the data that were passed
    assert again.diagnose(data=dataset).findings is not None
    with pytest.raises(UserError, match=r"these are not the data that .* was trained on"):
        again.evaluate(n=12, data=TensorDataset(chw(IMAGES)[:, 1:2], torch.arange(24) % 2))


def test_samples_are_evaluated_against_a_torch_dataset(settings: DataSettings) -> None:
    samples = RANDOM.integers(0, 256, (24, 8, 8, 3), dtype=np.uint8)
    expected = twoplayer.evaluate(samples, IMAGES, metrics="kid", extractor="random-conv", cache=settings.cache)
    for reference in (Listed(list(chw(IMAGES))), rows().remove_columns("label")):
        found = twoplayer.evaluate(samples, reference, metrics="kid", extractor="random-conv", cache=settings.cache)
        assert [f.value for f in found.metric_values] == [f.value for f in expected.metric_values]
    turned = twoplayer.evaluate(rows(), samples, metrics="kid", extractor="random-conv", cache=settings.cache)
    assert [f.name for f in turned.metric_values] == [f.name for f in expected.metric_values]


def test_sources_say_what_they_take() -> None:
    said = TorchDataset.__doc__ or ""
    assert "Args:" in said and "channels:" in said
