"""Images in two versions: paired and unpaired folders, two halves of one picture, and a picture by itself."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from twoplayer import data
from twoplayer.core.errors import UserError
from twoplayer.data import _pixels
from twoplayer.data._base import Dataset, DataSettings


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataSettings:
    monkeypatch.chdir(tmp_path)
    return DataSettings(resolution=8, held_out=0.0, cache=tmp_path / "cache", progress=False)


def side(folder: str, numbers: Iterable[int], green: int, name: str = "{}.png", mode: str = "RGB") -> None:
    """Images whose red is their number and whose green tells the side."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    for i in numbers:
        colour = (i, green, 0) if mode == "RGB" else i
        Image.new(mode, (8, 8), colour).save(Path(folder, name.format(i)))


def numbers(images: np.ndarray | None) -> list[int]:
    assert images is not None
    return [int(image[0, 0, 0]) for image in images]


def check(opened: Dataset, train: Iterable[int], held_out: Iterable[int] = ()) -> None:
    """Whether sample i and partner i show the same, A green 10 and B green 20, in both parts."""
    assert opened.paired
    assert opened.partner_train is not None and opened.partner_held_out is not None
    assert sorted(numbers(opened.train)) == sorted(train) and sorted(numbers(opened.held_out)) == sorted(held_out)
    for samples, partners in ((opened.train, opened.partner_train), (opened.held_out, opened.partner_held_out)):
        assert numbers(samples) == numbers(partners)
        assert (samples[:, 0, 0, 1] == 10).all() and (partners[:, 0, 0, 1] == 20).all()
        assert samples.dtype == np.uint8 and samples.shape == partners.shape


def test_folders_a_and_b(settings: DataSettings) -> None:
    side("faces/A", range(12), 10)
    side("faces/B", range(12), 20, "{}.bmp")
    opened = data.load("faces", DataSettings(resolution=8, held_out=0.25, cache=settings.cache))
    check(opened, numbers(opened.train), numbers(opened.held_out))
    assert (len(opened.train), len(opened.held_out)) == (9, 3)
    assert opened.name == "faces" and opened.shape == opened.partner_shape == (3, 8, 8)
    again = data.load("faces", DataSettings(resolution=8, held_out=0.25, cache=settings.cache))
    assert again.key == opened.key and np.array_equal(again.train, opened.train)
    check(again, numbers(opened.train), numbers(opened.held_out))
    assert data.load("pairs:faces", settings).paired
    assert data.load("pairs:faces", settings).train.shape[0] == 12
    assert data.load("faces", DataSettings(cache=settings.cache)).shape == (3, 64, 64)


def test_parts_train_and_test(settings: DataSettings) -> None:
    for letter, green in (("A", 10), ("B", 20)):
        side(f"faces/{letter}/train", range(7), green)
        side(f"faces/{letter}/test", range(7, 10), green)
        side(f"maps/train{letter}", range(5), green, "{}_" + letter + ".png")
        side(f"maps/test{letter}", range(5, 7), green, "{}_" + letter + ".png")
    check(data.load("faces", settings), range(7), range(7, 10))
    check(data.load("maps", settings), range(5), range(5, 7))


def test_two_folders_of_any_names(settings: DataSettings) -> None:
    side("summer", range(6), 10)
    side("winter", range(6), 20)
    check(data.load("pairs:summer,winter", settings), range(6))
    assert data.short_name("pairs:summer,winter") == "summer-winter"
    assert data.spell("pairs:summer, winter") == f"pairs:{Path('summer').resolve()},{Path('winter').resolve()}"
    assert data.kind_of("pairs:summer,winter") == "images"
    assert set(data.options_for("pairs:summer,winter")) == {"paired", "channels", "subset"}
    check(data.load(data.spell("pairs:summer,winter"), settings, subset=4), numbers(
        data.load("pairs:summer,winter", settings, subset=4).train
    ))  # fmt: skip


def test_unpaired_folders(settings: DataSettings) -> None:
    side("apples/trainA", range(9), 10)
    side("apples/trainB", range(50, 65), 20)
    side("apples/testA", range(9, 11), 10)
    side("apples/testB", range(70, 74), 20)
    opened = data.load("apples", settings)
    assert not opened.paired
    assert sorted(numbers(opened.train)) == list(range(9)) and sorted(numbers(opened.held_out)) == [9, 10]
    assert sorted(numbers(opened.partner_train)) == list(range(50, 65))
    assert sorted(numbers(opened.partner_held_out)) == list(range(70, 74))
    few = data.load("apples", settings, subset=4)
    assert len(numbers(few.partner_train)) == 4 and few.key != opened.key
    with pytest.raises(UserError, match=r"trainA has 11 images and .*trainB 19 \(10 has no partner\)"):
        data.load("apples", settings, paired=True)


def test_a_lone_image_makes_folders_unpaired_unless_pairs_are_demanded(settings: DataSettings) -> None:
    side("faces/A", range(6), 10)
    side("faces/B", range(5), 20)
    assert not data.load("faces", settings).paired
    with pytest.raises(UserError, match=r"A has 6 images and .*B 5 \(5 has no partner\): add what is missing"):
        data.load("faces", settings, paired=True)
    side("faces/B", [5], 20)
    check(data.load("faces", settings, paired=True), range(6))
    hidden = data.load("faces", settings, paired=False)
    assert not hidden.paired and sorted(numbers(hidden.partner_train)) == list(range(6))


def test_class_folders_a_and_b_stay_classes(settings: DataSettings) -> None:
    side("letters/A", range(4), 10)
    side("letters/B", range(10, 14), 20)
    assert data.load("letters", settings).class_names == ("A", "B")
    assert data.load("letters", settings).partner_train is None
    assert not data.load("pairs:letters", settings).paired


def test_both_sides_are_in_colour_where_either_is(settings: DataSettings) -> None:
    side("edges/A", range(5), 10, mode="L")
    side("edges/B", range(5), 20)
    paired = data.load("edges", settings)
    unpaired = data.load("edges", settings, paired=False)
    for opened in (paired, unpaired):
        assert opened.shape == opened.partner_shape == (3, 8, 8)
        assert sorted(numbers(opened.train)) == sorted(numbers(opened.partner_train)) == list(range(5))
    side("gray/A", range(5), 10, mode="L")
    side("gray/B", range(5), 20, mode="L")
    assert data.load("gray", settings).partner_shape == (1, 8, 8)
    assert data.load("edges", settings, channels=1).shape == (1, 8, 8)


def test_an_unreadable_image_takes_its_partner_along(settings: DataSettings) -> None:
    side("faces/A", range(120), 10)
    side("faces/B", range(120), 20)
    Path("faces/B/7.png").write_text("not an image")
    opened = data.load("faces", settings)
    assert [Path(s.path).parts[-2:] for s in opened.skipped] == [("B", "7.png")]
    check(opened, [i for i in range(120) if i != 7])


def test_two_halves_of_one_picture(settings: DataSettings) -> None:
    for part, some in (("train", range(6)), ("val", range(6, 8))):
        Path("facades", part).mkdir(parents=True)
        for i in some:
            picture = Image.new("RGB", (32, 16), (i, 10, 0))
            picture.paste((i, 20, 0), (16, 0, 32, 16))
            picture.save(f"facades/{part}/{i}.png")
    check(data.load("pairs:facades", settings), range(6), range(6, 8))
    Image.new("RGB", (16, 16)).save("facades/train/9.png")
    with pytest.raises(UserError, match=r"9.png: 16x16 pixels are not two halves side by side"):
        data.load("pairs:facades", settings)
    Image.new("RGB", (33, 16)).save("facades/train/9.png")
    with pytest.raises(UserError, match="33x16 pixels are not two halves"):
        data.load("pairs:facades", settings)


def test_what_pairs_cannot_be(settings: DataSettings) -> None:
    Path("empty").mkdir()
    for what, sentence in (
        ("pairs:nowhere", "there is no folder nowhere: write pairs:FOLDER"),
        ("pairs:empty,nowhere", "there is no folder nowhere"),
        ("pairs:empty", "the folder empty holds no images"),
    ):
        with pytest.raises(UserError, match=sentence):
            data.load(what, settings)


def test_a_whole_picture_as_it_is(tmp_path: Path) -> None:
    wide = np.random.default_rng(0).integers(0, 256, (6, 20, 3), np.uint8)
    Image.fromarray(wide).save(tmp_path / "wide.png")
    assert np.array_equal(_pixels.read_image(tmp_path / "wide.png", 3), wide)
    Image.fromarray(wide[..., 0]).save(tmp_path / "gray.png")
    assert np.array_equal(_pixels.read_image(tmp_path / "gray.png", 1), wide[..., :1])
    assert np.array_equal(_pixels.read_image(tmp_path / "gray.png", 3), wide[..., :1].repeat(3, axis=2))
    (tmp_path / "text.png").write_text("hello")
    for name, channels, sentence in (
        ("wide.png", 1, "wide.png is a picture in colour where a gray one is expected"),
        ("text.png", 3, r"cannot read .*text.png \(not an image\): a picture in colour is expected"),
        ("none.png", 3, "cannot read .*none.png"),
    ):
        with pytest.raises(UserError, match=sentence):
            _pixels.read_image(tmp_path / name, channels)
