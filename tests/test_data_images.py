"""Folders, zips and Hugging Face tables of images: decoding, skipping, caching."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import time
import zipfile
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from twoplayer import data
from twoplayer.core.cache import cache_root
from twoplayer.core.errors import UserError
from twoplayer.data import _cache, _pixels, _reader
from twoplayer.data._base import DataSettings
from twoplayer.data._sizes import resize_clause

PACKAGE = str(Path(data.__path__[0]).resolve().parents[1])


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataSettings:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TWOPLAYER_DATA", raising=False)
    monkeypatch.delenv("TWOPLAYER_CACHE", raising=False)
    return DataSettings(resolution=8, held_out=0.0, cache=tmp_path / "cache", progress=False)


def save(path: str, colour: Any = (200, 30, 40), size: tuple[int, int] = (12, 12), mode: str = "RGB") -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, colour).save(path)


def many(folder: str, count: int) -> None:
    for i in range(count):
        save(f"{folder}/{i:04}.png", (i % 256, i // 256, 7))


# ---- pixels


def png(image: Image.Image, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, options.pop("format", "PNG"), **options)
    return buffer.getvalue()


def test_crop_is_centred_and_resize_antialiased() -> None:
    wide = np.zeros((8, 24, 3), np.uint8)
    wide[:, 8:16] = 255
    assert (_pixels.decode_square(png(Image.fromarray(wide)), 8, 3) == 255).all()
    checker = np.indices((64, 64)).sum(0).astype(np.uint8) % 2 * 255
    small = _pixels.decode_square(png(Image.fromarray(checker)), 8, 1)
    assert small[1:-1, 1:-1].min() > 120
    assert small[1:-1, 1:-1].max() < 135


def test_resize_is_pillows() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
    wanted = Image.fromarray(photo).crop((5, 0, 45, 40)).resize((16, 16), Image.Resampling.LANCZOS)
    assert np.array_equal(_pixels.decode_square(png(Image.fromarray(photo)), 16, 3), np.asarray(wanted))
    assert np.array_equal(_pixels.to_square(photo, 16, 3), np.asarray(wanted))


def test_large_jpeg_is_decoded_at_a_fraction() -> None:
    ramp = np.tile(np.linspace(0, 255, 512, dtype=np.uint8), (512, 1))
    small = _pixels.decode_square(png(Image.fromarray(ramp), format="JPEG"), 16, 1)[..., 0].astype(float)
    assert np.abs(small - np.asarray(Image.fromarray(ramp).resize((16, 16), Image.Resampling.BOX))).max() < 4


def test_transparency_is_laid_on_white() -> None:
    half = Image.new("RGBA", (8, 8), (0, 0, 0, 128))
    assert _pixels.decode_square(png(half), 8, 3)[0, 0].tolist() == [127, 127, 127]
    assert _pixels.decode_square(png(Image.new("LA", (8, 8), (0, 0))), 8, 1)[0, 0].tolist() == [255]
    palette = Image.new("P", (8, 8), 0)
    palette.putpalette([255, 0, 0, 0, 255, 0])
    assert _pixels.decode_square(png(palette, transparency=0), 8, 3)[0, 0].tolist() == [255, 255, 255]
    assert _pixels.decode_square(png(palette), 8, 3)[0, 0].tolist() == [255, 0, 0]


def test_exif_orientation_is_applied() -> None:
    picture = Image.new("RGB", (8, 8), "black")
    picture.paste("white", (0, 0, 8, 2))
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    turned = _pixels.decode_square(png(picture, exif=exif), 8, 3)
    assert turned[0].max() == 0
    assert turned[-1].min() == 255


def test_deep_pixels_are_cut_to_eight_bits() -> None:
    deep = np.full((8, 8), 257 * 100, np.uint16)
    assert (_pixels.decode_square(png(Image.fromarray(deep)), 8, 1) == 100).all()
    floats = Image.fromarray(np.full((8, 8), 0.5, np.float32))
    assert (_pixels.decode_square(png(floats, format="TIFF"), 8, 1) == 128).all()
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        _pixels.decode_square(png(Image.fromarray(np.full((8, 8), 9, np.float32)), format="TIFF"), 8, 1)


def test_animations_give_their_first_frame() -> None:
    first, second = Image.new("P", (8, 8), 0), Image.new("P", (8, 8), 1)
    for frame in (first, second):
        frame.putpalette([9, 9, 9, 200, 0, 0])
    moving = png(first, format="GIF", save_all=True, append_images=[second])
    assert (_pixels.decode_square(moving, 8, 3) == 9).all()


# ---- folders and zips


def test_folder_with_classes(settings: DataSettings) -> None:
    for i in range(6):
        save(f"pets/cat/{i}.png", (250, i, 0))
        save(f"pets/dog/{i}.JPG", (0, i, 250))
    save("pets/.hidden/x.png")
    Path("pets/readme.txt").write_text("pets")
    opened = data.load("pets", settings)
    assert opened.name == "pets"
    assert opened.train.shape == (12, 8, 8, 3)
    assert opened.class_names == ("cat", "dog")
    assert opened.train_labels is not None
    red = opened.train[:, 4, 4, 0] > 128
    assert red.tolist() == [label == 0 for label in opened.train_labels]
    assert data.load("pets", DataSettings(cache=settings.cache)).shape == (3, 64, 64)


def test_loose_images_have_no_labels(settings: DataSettings) -> None:
    save("mixed/a/1.png")
    save("mixed/b/2.png")
    save("mixed/3.png")
    assert data.load("mixed", settings).train_labels is None
    save("one/img/1.png")
    save("one/img/2.png")
    assert data.load("one", settings).class_names == ()


def test_gray_folders_keep_one_channel(settings: DataSettings) -> None:
    for i in range(4):
        save(f"gray/{i}.png", 10 * i, mode="L")
    save("gray/p.gif", 1, mode="P")
    assert data.load("gray", settings).shape == (1, 8, 8)
    save("gray/colour.webp")
    assert data.load("gray", settings).shape == (3, 8, 8)
    assert data.load("gray", settings, channels=1).shape == (1, 8, 8)


def test_zip_reads_like_its_folder(settings: DataSettings) -> None:
    for i in range(4):
        save(f"pets/cat/{i}.png", (250, i, 0))
        save(f"pets/dog/{i}.png", (0, i, 250))
    shutil.make_archive("pets", "zip", ".", "pets")
    folder, archive = data.load("pets", settings), data.load("pets.zip", settings)
    assert np.array_equal(folder.train, archive.train)
    assert archive.class_names == ("cat", "dog")
    assert np.array_equal(folder.train_labels, archive.train_labels)  # type: ignore[arg-type]


def test_nothing_to_read(settings: DataSettings) -> None:
    Path("empty").mkdir()
    with pytest.raises(UserError, match="holds no images"):
        data.load("empty", settings)
    with zipfile.ZipFile("texts.zip", "w") as archive:
        archive.writestr("a.txt", "hello")
    with pytest.raises(UserError, match="holds no images"):
        data.load("texts.zip", settings)
    Path("broken.zip").write_bytes(b"not a zip")
    with pytest.raises(UserError, match="cannot read the zip"):
        data.load("broken.zip", settings)
    save("few/1.png")
    save("few/2.png")
    with pytest.raises(UserError, match="2 images to train on and a batch needs 64"):
        data.load("few", DataSettings(minimum=64, held_out=0.0, cache=settings.cache))


def test_one_unreadable_image_is_skipped_and_listed(settings: DataSettings) -> None:
    many("photos", 100)
    cut = Path("photos/0007.png").read_bytes()[:45]
    Path("photos/0007.png").write_bytes(cut)
    for _ in range(2):  # decoded, then from the cache
        opened = data.load("photos", settings)
        assert [s.path for s in opened.skipped] == ["0007.png"]
        assert opened.skipped[0].reason
        assert sorted(opened.train[:, 0, 0, 0].tolist()) == [i for i in range(100) if i != 7]


def test_labels_survive_a_skipped_image(settings: DataSettings) -> None:
    for i in range(50):
        save(f"pets/cat/{i}.png", (250, i, 0))
        save(f"pets/dog/{i}.png", (0, i, 250))
    Path("pets/cat/3.png").write_text("not an image")
    opened = data.load("pets", settings)
    assert opened.train_labels is not None
    assert (opened.train[:, 4, 4, 0] > 128).tolist() == [label == 0 for label in opened.train_labels]


def test_dangling_link_counts_as_unreadable(settings: DataSettings) -> None:
    many("photos", 99)
    Path("photos/link.png").symlink_to("nowhere.png")
    assert [s.path for s in data.load("photos", settings).skipped] == ["link.png"]


@pytest.mark.parametrize(("bad", "count"), [(1, 99), (2, 40), (2, 199)])
def test_more_than_one_percent_unreadable_is_an_error(bad: int, count: int, settings: DataSettings) -> None:
    many("photos", count)
    for i in range(5, 5 + bad):
        Path(f"photos/{i:04}.png").write_text("text")
    sentence = rf"{bad} of the {count} images of photos cannot be read, and more than 1 % .* \(the first is 0005"
    with pytest.raises(UserError, match=sentence):
        data.load("photos", settings)
    assert not list(Path("cache/images").iterdir())


def test_one_percent_is_allowed(settings: DataSettings) -> None:
    many("photos", 300)
    for i in range(3):
        Path(f"photos/{i:04}.png").write_text("text")
    assert len(data.load("photos", settings).skipped) == 3


def test_unreadable_images_are_told_before_a_batch_that_is_too_large(settings: DataSettings) -> None:
    many("photos", 20)
    for i in range(15):
        Path(f"photos/{i:04}.png").write_text("text")
    with pytest.raises(UserError, match="15 of the 20 images of photos cannot be read"):
        data.load("photos", DataSettings(minimum=64, cache=settings.cache))


def test_what_size_images_had_is_known(settings: DataSettings) -> None:
    for i in range(12):
        save(f"photos/{i}.png", size=(20 + i, 16))
    save("photos/large.png", size=(300, 200))
    for _ in range(2):  # decoded, then from the cache
        assert data.load("photos", settings).native == ((16, 20), (200, 300))
    native = data.load("digits", settings).native
    assert native == ((8, 8), (8, 8))


@pytest.mark.parametrize(
    ("native", "words"),
    [
        ([], ""),
        ([(64, 64), (64, 64)], ""),
        ([(64, 80), (64, 80)], "cropped from 80x64"),
        ([(64, 64), (480, 640)], "scaled down from 64x64 to 640x480"),
        ([(30, 40), (60, 60)], "scaled up from 40x30 to 60x60, which adds no detail"),
        ([(30, 40), (480, 640)], "scaled from 40x30 to 640x480, the smaller ones up, which adds no detail"),
    ],
)
def test_what_was_done_to_images_in_words(native: list[tuple[int, int]], words: str) -> None:
    assert resize_clause(native, 64) == words


# ---- the cache


@pytest.fixture
def decodes(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    calls: list[int] = []
    decode = _pixels.decode_square

    def counted(*arguments: Any) -> Any:
        calls.append(1)
        return decode(*arguments)

    monkeypatch.setattr(_pixels, "decode_square", counted)
    return iter([calls])  # type: ignore[return-value]


def test_second_opening_decodes_nothing(settings: DataSettings, decodes: Iterator[list[int]]) -> None:
    calls = next(decodes)
    many("photos", 30)
    first = data.load("photos", settings)
    assert len(calls) == 30
    again = data.load("photos", settings)
    assert len(calls) == 30
    assert isinstance(again.train, np.memmap)
    assert np.array_equal(first.train, again.train)
    shutil.move("photos", "moved")
    assert data.load("moved", settings).key == first.key
    assert len(calls) == 30


def test_content_and_settings_make_the_key(settings: DataSettings) -> None:
    many("photos", 5)
    keys = {data.load("photos", settings).key}
    keys.add(data.load("photos", DataSettings(resolution=9, cache=settings.cache)).key)
    keys.add(data.load("photos", DataSettings(resolution=8, held_out=0.3, cache=settings.cache)).key)
    keys.add(data.load("photos", settings, channels=1).key)
    before = Path("photos/0000.png").stat()
    save("photos/0000.png", (90, 90, 90))
    os.utime("photos/0000.png", ns=(before.st_atime_ns, before.st_mtime_ns))
    keys.add(data.load("photos", settings).key)
    assert len(keys) == 5


def test_damaged_cache_is_rebuilt(settings: DataSettings, decodes: Iterator[list[int]]) -> None:
    calls = next(decodes)
    many("photos", 10)
    first = np.array(data.load("photos", settings).train)
    file = next(Path("cache/images").glob("*/train.npy"))
    file.write_bytes(file.read_bytes()[:-5])
    assert np.array_equal(data.load("photos", settings).train, first)
    assert len(calls) == 20
    next(Path("cache/images").glob("*/index.json")).write_text("{")
    assert np.array_equal(data.load("photos", settings).train, first)
    assert len(calls) == 30


def test_cached_files_are_plain_npy(settings: DataSettings) -> None:
    many("photos", 10)
    opened = data.load("photos", settings)
    assert np.array_equal(np.load(next(Path("cache/images").glob("*/train.npy"))), opened.train)


def test_killed_decode_leaves_nothing_that_looks_whole(settings: DataSettings) -> None:
    many("photos", 30)
    code = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from twoplayer import data\n"
        "from twoplayer.data import _images, _pixels\n"
        "from twoplayer.data._base import DataSettings\n"
        "_images.Images._accept = lambda *a: os._exit(9)\n"
        "data.load('photos', DataSettings(resolution=8, held_out=0.0, cache=Path('cache')))\n"
    )
    environment = {**os.environ, "PYTHONPATH": PACKAGE}
    assert subprocess.run([sys.executable, "-c", code], check=False, env=environment).returncode == 9
    left = list(Path("cache/images").iterdir())
    assert [path.suffix for path in left] == [".partial"]
    old = time.time() - 2 * _cache.STALE_SECONDS
    for path in (left[0], *left[0].iterdir()):
        os.utime(path, (old, old))
    opened = data.load("photos", settings)
    assert len(opened.train) == 30
    assert [path.name for path in Path("cache/images").iterdir()] == [opened.key]


def test_rows_are_never_all_in_memory(settings: DataSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_reader, "BLOCK_IMAGES", 4)
    many("photos", 40)
    alive, most = 0, 0
    decode = _pixels.decode_square

    class Row(np.ndarray[Any, Any]):
        def __del__(self) -> None:
            nonlocal alive
            alive -= 1

    def counted(*arguments: Any) -> Any:
        nonlocal alive, most
        alive += 1
        most = max(most, alive)
        return decode(*arguments).view(Row)

    monkeypatch.setattr(_pixels, "decode_square", counted)
    assert len(data.load("photos", settings).train) == 40
    assert most <= 10


def test_too_little_disk_space_is_said_before_decoding(settings: DataSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    many("photos", 4)
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(0, 0, 100))
    with pytest.raises(UserError, match=r"needs about .* GB .* set TWOPLAYER_CACHE"):
        data.load("photos", settings)


def test_cache_that_cannot_be_written_is_said(settings: DataSettings) -> None:
    many("photos", 4)
    Path("file").write_text("in the way")
    with pytest.raises(UserError, match="cannot write the cache in"):
        data.load("photos", DataSettings(cache=Path("file")))


def test_cache_folder_follows_the_environment(settings: DataSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWOPLAYER_CACHE", "there")
    assert cache_root(DataSettings().cache) == Path("there")
    assert cache_root(settings.cache) == settings.cache


def test_empty_held_out_part(settings: DataSettings) -> None:
    many("photos", 4)
    for _ in range(2):
        assert data.load("photos", settings).held_out.shape == (0, 8, 8, 3)


# ---- Hugging Face


def table(count: int, label: bool = True) -> Any:
    datasets = pytest.importorskip("datasets")
    images = [{"bytes": png(Image.new("RGB", (12, 10), (i, 0, 0))), "path": None} for i in range(count)]
    columns: dict[str, Any] = {"id": list(range(count)), "picture": images}
    features = {"id": datasets.Value("int64"), "picture": datasets.Image()}
    if label:
        columns["kind"] = [i % 2 for i in range(count)]
        features["kind"] = datasets.ClassLabel(names=["even", "odd"])
    return datasets.Dataset.from_dict(columns, features=datasets.Features(features))


def test_saved_data_set(settings: DataSettings) -> None:
    table(12).save_to_disk("saved")
    opened = data.load("saved", settings)
    assert opened.train.shape == (12, 8, 8, 3)
    assert opened.class_names == ("even", "odd")
    assert opened.train_labels is not None
    assert [int(x) % 2 for x in opened.train[:, 0, 0, 0]] == opened.train_labels.tolist()
    assert data.load("saved", DataSettings(cache=settings.cache)).shape == (3, 10, 10)
    with pytest.raises(UserError, match="did you mean picture"):
        data.load("saved", settings, image="pictures")
    with pytest.raises(UserError, match="no split 'trian': did you mean train"):
        data.load("saved", settings, split="trian")


def test_saved_splits_and_an_unreadable_row(settings: DataSettings) -> None:
    import datasets

    train = table(100, label=False).cast_column("picture", datasets.Image(decode=False))
    rows = train.to_list()
    rows[2]["picture"]["bytes"] = b"broken"
    train = datasets.Dataset.from_list(rows).cast_column("picture", datasets.Image())
    datasets.DatasetDict(train=train, test=table(3, label=False)).save_to_disk("saved")
    opened = data.load("saved", settings)
    assert (len(opened.train), len(opened.held_out)) == (99, 3)
    assert [s.path for s in opened.skipped] == ["train[2]"]
    assert opened.train_labels is None


def test_saved_points(settings: DataSettings) -> None:
    import datasets

    datasets.Dataset.from_dict({"x": [1.0, 2.0, 3.0], "y": [4, 5, 6], "label": ["a", "b", "a"]}).save_to_disk("saved")
    opened = data.load("saved", settings)
    assert data.kind_of("saved") == "points"
    assert sorted(opened.train.tolist()) == [[1, 4], [2, 5], [3, 6]]
    assert opened.class_names == ("a", "b")
    datasets.Dataset.from_dict({"text": ["a", "b"]}).save_to_disk("texts")
    with pytest.raises(UserError, match="neither a column of images nor only numbers"):
        data.load("texts", settings)


def test_damaged_saved_data_set(settings: DataSettings) -> None:
    table(3).save_to_disk("saved")
    Path("saved/state.json").write_text("{}")
    with pytest.raises(UserError, match="cannot read the saved data set"):
        data.load("saved", settings)


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("hf:owner/name", "cannot be reached for owner/name: connect"),
        ("cifar10", "put its images there as a folder"),
        ("mnist", "twoplayer data prepare mnist"),
    ],
)
def test_offline_says_what_to_do_at_once(
    settings: DataSettings, monkeypatch: pytest.MonkeyPatch, what: str, message: str
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    start = time.monotonic()
    with pytest.raises(UserError, match=message):
        data.load(what, settings)
    assert time.monotonic() - start < 15  # importing `datasets` included


def test_name_that_does_not_resolve_is_offline(settings: DataSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub.constants

    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "https://hub.invalid")
    monkeypatch.setattr("urllib.request.getproxies", dict)
    with pytest.raises(UserError, match="cannot be reached for owner/name"):
        data.load("hf:owner/name", settings)
    assert not huggingface_hub.constants.HF_HUB_OFFLINE


def test_hub_without_a_name(settings: DataSettings) -> None:
    with pytest.raises(UserError, match="write hf:OWNER/NAME"):
        data.load("hf:", settings)
