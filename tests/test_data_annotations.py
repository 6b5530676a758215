"""Captions, attributes, labels and a split from a table beside the images, in a zip, and in a Hugging Face data set."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from twoplayer import data
from twoplayer.core.errors import UserError
from twoplayer.data import _annotations
from twoplayer.data._attributes import Attribute, decode_attributes, encode_attributes, total_width
from twoplayer.data._base import Dataset, DataSettings

HAIR = Attribute("hair", values=("blond", "none", "red"))
AGE = Attribute("age", range=(20.0, 60.0))
BOTH = (HAIR, AGE)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataSettings:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TWOPLAYER_DATA", raising=False)
    return DataSettings(resolution=8, held_out=0.0, cache=tmp_path / "cache", progress=False)


def pictures(folder: str, count: int, start: int = 0) -> list[str]:
    """Images whose red is their number, ``0.png`` and so on."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    names = [f"{i}.png" for i in range(start, start + count)]
    for i, name in enumerate(names, start):
        Image.new("RGB", (8, 8), (i, 0, 99)).save(f"{folder}/{name}")
    return names


def numbers(images: np.ndarray) -> list[int]:
    """Which pictures those are."""
    return [int(image[0, 0, 0]) for image in images]


def people(folder: str = "people", table: str = "table.csv", split: bool = False) -> None:
    """Twelve images; number i is i years over 20, red-haired where i is even, with two captions."""
    names = pictures(folder, 12)
    lines = ["file,caption,caption_2,hair,age,note" + (",split" if split else "")]
    for i, name in enumerate(names):
        hair = "red" if i % 2 == 0 else "blond" if i % 3 == 0 else ""
        part = f",{'test' if i >= 9 else 'train'}" if split else ""
        lines.append(f'{name},"person {i}, smiling",somebody {i},{hair},{20 + i},same{part}')
    Path(folder, table).write_text("\n".join(lines) + "\n")


def check_people(opened: Dataset) -> None:
    """Every row says of its image what the table says."""
    assert opened.attributes == (HAIR, Attribute("age", range=(20.0, 31.0)))
    for images, codes, captions in (
        (opened.train, opened.train_attributes, opened.train_captions),
        (opened.held_out, opened.held_out_attributes, opened.held_out_captions),
    ):
        assert codes is not None and captions is not None
        assert codes.dtype == np.float32 and codes.shape == (len(images), 4) and len(captions) == len(images)
        for i, code, said in zip(numbers(images), codes, captions, strict=True):
            hair = "red" if i % 2 == 0 else "blond" if i % 3 == 0 else "none"
            assert said == (f"person {i}, smiling", f"somebody {i}")
            assert decode_attributes(opened.attributes, code) == {"hair": hair, "age": pytest.approx(20 + i, abs=1e-4)}


# ---- attributes


def test_attributes_are_words_and_numbers() -> None:
    assert total_width(BOTH) == 4
    row = encode_attributes(BOTH, {"hair": "red", "age": 50})
    assert row.dtype == np.float32 and row.tolist() == [0, 0, 1, 0.5]
    assert decode_attributes(BOTH, row) == {"hair": "red", "age": 50.0}
    assert encode_attributes(BOTH, {"age": "20"}, default=row).tolist() == [0, 0, 1, -1]
    assert [Attribute.of(json.loads(json.dumps(a.__dict__))) for a in BOTH] == list(BOTH)
    edges = [encode_attributes((AGE,), {"age": value})[0] for value in (20, 60, 60 + 1e-6)]
    assert edges == [-1, 1, 1]


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ({"hair": "rad", "age": 30}, "hair is never 'rad': did you mean red"),
        ({"hair": "red", "age": 61}, "age must lie from 20 to 60, as in the training data, not 61"),
        ({"hair": "red", "age": "nan"}, "age must lie from 20 to 60"),
        ({"hair": "red", "age": "old"}, "age is a number from 20 to 60, not 'old'"),
        ({"hare": "red"}, "no attribute is called 'hare': did you mean hair"),
        ({"hair": "red"}, "the attribute age has no value"),
    ],
)
def test_what_attributes_cannot_be(wanted: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        encode_attributes(BOTH, wanted)


# ---- tables


@pytest.mark.parametrize("table", ["table.csv", "captions.tsv", "anything.jsonl"])
def test_a_table_beside_the_images(settings: DataSettings, table: str) -> None:
    people()
    if table.endswith(".tsv"):
        text = Path("people/table.csv").read_text().replace('"', "").replace(", smiling", "; smiling")
        lines = [line.replace(",", "\t").replace(";", ",") for line in text.splitlines()]
        Path("people", table).write_text("\n".join(lines))
    elif table.endswith(".jsonl"):
        rows = [
            {"file_name": f"./{i}.png", "captions": [f"person {i}, smiling", f"somebody {i}"],
             "hair": "red" if i % 2 == 0 else "blond" if i % 3 == 0 else None, "age": 20 + i, "boxes": [1, 2]}
            for i in range(12)
        ]  # fmt: skip
        Path("people", table).write_text("\n".join(map(json.dumps, rows)) + "\n\n")
    if table != "table.csv":
        Path("people/table.csv").unlink()
    for _ in range(2):  # decoded, then from the cache
        opened = data.load("people", DataSettings(resolution=8, held_out=0.25, cache=settings.cache))
        assert (len(opened.train), len(opened.held_out)) == (9, 3)
        check_people(opened)
        assert opened.class_names == ()


def test_a_split_and_labels_of_the_table(settings: DataSettings) -> None:
    people(split=True)
    opened = data.load("people", settings)
    assert numbers(opened.train) == list(range(9)) and sorted(numbers(opened.held_out)) == [9, 10, 11]
    assert opened.key == data.load("people", DataSettings(resolution=8, seed=5, cache=settings.cache)).key
    check_people(opened)

    names = pictures("signs", 6)
    rows = [f"{name},{'stop' if i % 2 else 'go'}" for i, name in enumerate(names)]
    Path("signs/labels.csv").write_text("\n".join(["image,Label", *rows]))
    signs = data.load("signs", settings)
    assert signs.class_names == ("go", "stop") and signs.train_labels is not None
    assert signs.train_labels.tolist() == [i % 2 for i in numbers(signs.train)]
    rows = [f"{name},{i + 3}" for i, name in enumerate(names)]
    Path("signs/labels.csv").write_text("\n".join(["image,class", *rows]))
    assert data.load("signs", settings).class_names == ("3", "4", "5", "6", "7", "8")


def test_rows_of_one_image_are_put_together_and_bare_names_do(settings: DataSettings) -> None:
    pictures("photos/a", 2)
    pictures("photos/b", 2, start=2)
    rows = ["image,text", *(f"{i}.png,view {i}" for i in range(4)), "3.png,another"]
    Path("photos/captions.csv").write_text("\n".join(rows))
    opened = data.load("photos", settings)
    assert opened.class_names == ("a", "b")
    assert opened.train_captions is not None
    said = dict(zip(numbers(opened.train), opened.train_captions, strict=True))
    assert said == {0: ("view 0",), 1: ("view 1",), 2: ("view 2",), 3: ("view 3", "another")}


def test_columns_can_be_chosen(settings: DataSettings) -> None:
    people()
    chosen = data.load("people", settings, captions=["caption_2"], attributes=["age"])
    assert [a.name for a in chosen.attributes] == ["age"]
    assert chosen.train_captions is not None and all(len(said) == 1 for said in chosen.train_captions)
    assert data.load("people", settings, table="none").attributes == ()
    without = data.load("people", settings, captions=[], attributes=[])
    assert without.train_captions is None and without.train_attributes is None
    keys = {data.load("people", settings, **o).key for o in ({}, {"captions": []}, {"attributes": ["age"]})}
    assert len(keys) == 3
    with pytest.raises(UserError, match="has no column 'hare': did you mean hair"):
        data.load("people", settings, attributes=["hare"])
    with pytest.raises(UserError, match="the column note is 'same' in every row"):
        data.load("people", settings, attributes=["note"])
    with pytest.raises(UserError, match=r"has no table 'tabel.csv': did you mean table.csv"):
        data.load("people", settings, table="tabel.csv")


def test_two_numbers_are_words_and_many_words_are_nothing(settings: DataSettings) -> None:
    names = pictures("faces", 80)
    rows = [f"{name},{(-1) ** i},x{i},{i / 10}" for i, name in enumerate(names)]
    Path("faces/table.csv").write_text("\n".join(["file,smiling,id,tilt", *rows]))
    opened = data.load("faces", settings)
    assert opened.attributes == (Attribute("smiling", ("-1", "1")), Attribute("tilt", range=(0.0, 7.9)))
    assert len(data.load("faces", settings, attributes=["id"]).attributes[0].values) == 80


def test_what_the_table_says_is_part_of_the_key(settings: DataSettings) -> None:
    people()
    before = data.load("people", settings).key
    text = Path("people/table.csv").read_text()
    Path("people/table.csv").write_text(text.replace("somebody 3", "nobody"))
    changed = data.load("people", settings)
    assert changed.key != before
    assert changed.train_captions is not None and any("nobody" in said for said in changed.train_captions)


def test_an_unreadable_image_takes_its_words_along(settings: DataSettings) -> None:
    names = pictures("photos", 120)
    Path("photos/captions.csv").write_text("\n".join(["file,caption,mark", *(f"{n},of {n},{n[0]}" for n in names)]))
    Path("photos/7.png").write_text("not an image")
    opened = data.load("photos", settings)
    assert [s.path for s in opened.skipped] == ["7.png"] and len(opened.train) == 119
    assert opened.train_captions == tuple((f"of {i}.png",) for i in numbers(opened.train))


def test_a_zip_reads_like_its_folder(settings: DataSettings) -> None:
    people(split=True)
    shutil.make_archive("people", "zip", ".", "people")
    check_people(data.load("people.zip", settings))
    shutil.make_archive("inner", "zip", "people")
    check_people(data.load("inner.zip", settings))


def table(text: str, name: str = "photos/captions.csv") -> None:
    Path(name).write_text(text)


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (["file,caption", "0.png,a", "1.png,b"], "1 of the 3 images have no row in .*captions.csv, such as 2.png"),
        (["file,caption", "0.png,a", "1.png,", "2.png,c"], "1 of the 3 images have no caption in .*, such as 1.png"),
        (
            ["file,caption", "0.png,a", "1.png,b", "2.png,c", "9.png,d"],
            r"captions.csv has rows for 1 images that do not exist, such as '9.png'",
        ),
        (["caption,hair", "a,red"], "has no column file that names the images"),
        (["file,caption", "0.png,a, b"], "line 2 has 3 cells for 2 columns"),
        (["file,caption"], "has no rows"),
        ([], "has no rows"),
        (["file,split", "0.png,train", "1.png,tset", "2.png,test"], "split 'tset' for 1.png: write train or test"),
        (["file,label", "0.png,a", "1.png,", "2.png,b"], "has no single label for 1.png"),
        (["file,label", "0.png,a", "0.png,b", "1.png,b", "2.png,b"], "has no single label for 0.png"),
    ],
)  # fmt: skip
def test_a_table_that_cannot_be_used(settings: DataSettings, rows: Sequence[str], sentence: str) -> None:
    pictures("photos", 3)
    table("\n".join(rows))
    with pytest.raises(UserError, match=sentence):
        data.load("photos", settings)


def test_a_table_that_cannot_be_read(settings: DataSettings) -> None:
    pictures("photos", 3)
    Path("photos/captions.csv").write_bytes("file,caption\n0.png,größer".encode("latin-1"))
    with pytest.raises(UserError, match="is not text in UTF-8"):
        data.load("photos", settings)
    Path("photos/captions.csv").unlink()
    table('{"file": "0.png"}\n[1]', "photos/captions.jsonl")
    with pytest.raises(UserError, match="holds no JSON object in line 2"):
        data.load("photos", settings)
    table("file,hair\n", "photos/one.csv")
    table("file,hair\n", "photos/two.csv")
    table("file,hair\n", "photos/captions.jsonl")
    with pytest.raises(UserError, match=r"captions.jsonl holds no JSON object in line 1"):  # the only usual name
        data.load("photos", settings)
    Path("photos/captions.jsonl").unlink()
    with pytest.raises(UserError, match=r"holds the tables one.csv, two.csv: name the one to use"):
        data.load("photos", settings)


# ---- Hugging Face


def saved(folder: str, columns: dict[str, Any], test: bool = False) -> None:
    import datasets

    images = [Image.new("RGB", (8, 8), (i, 0, 99)) for i in range(len(next(iter(columns.values()))))]
    whole = datasets.Dataset.from_dict({"image": images, **columns}).cast_column("image", datasets.Image())
    if test:
        parts = {"train": whole.select(range(8)), "test": whole.select(range(8, len(whole)))}
        datasets.DatasetDict(parts).save_to_disk(folder)
    else:
        whole.save_to_disk(folder)


def test_columns_of_a_hugging_face_data_set(settings: DataSettings) -> None:
    import datasets

    hair = ["red" if i % 2 == 0 else "blond" if i % 3 == 0 else "none" for i in range(12)]
    captions = [[f"person {i}, smiling", f"somebody {i}"] for i in range(12)]
    saved("hub", {"captions": captions, "hair": hair, "age": [20 + i for i in range(12)], "boxes": [[1, 2]] * 12}, True)
    opened = data.load("hub", settings)
    assert (len(opened.train), len(opened.held_out)) == (8, 4)
    check_people(opened)
    named = datasets.load_from_disk("hub")["train"].cast_column(
        "hair", datasets.ClassLabel(names=["blond", "none", "red"])
    )
    named.save_to_disk("named")
    assert data.load("named", settings, label="age").attributes == (HAIR,)


def test_a_hub_table_without_all_captions_has_none_unless_asked(settings: DataSettings) -> None:
    saved("some", {"text": ["a", None, "c", "d"]})
    assert data.load("some", settings).train_captions is None
    with pytest.raises(UserError, match=r"1 of the 4 images have no caption in some, such as train\[1\]"):
        data.load("some", settings, captions=["text"])


def test_partners_in_a_second_column_of_images(settings: DataSettings) -> None:
    import datasets

    drawn = [Image.new("L", (8, 8), i) for i in range(10)]
    photos = [Image.new("RGB", (8, 8), (i, 9, 9)) for i in range(10)]
    both = datasets.Dataset.from_dict({"edges": drawn, "photo": photos})
    for column in ("edges", "photo"):
        both = both.cast_column(column, datasets.Image())
    both.save_to_disk("edges2photos")
    opened = data.load("edges2photos", settings, image="edges", partner="photo")
    assert opened.paired and opened.partner_train is not None
    assert opened.shape == opened.partner_shape == (3, 8, 8)
    assert numbers(opened.train) == numbers(opened.partner_train)
    assert {int(image[0, 0, 1]) for image in opened.partner_train} == {9}
    with pytest.raises(UserError, match="has no column 'foto': did you mean photo"):
        data.load("edges2photos", settings, partner="foto")


# ---- fewer samples


def test_a_subset_is_drawn_once_with_everything_known_of_it(settings: DataSettings) -> None:
    people()
    whole, some = data.load("people", settings), data.load("people", settings, subset=5)
    assert len(some.train) == 5 and len(set(numbers(some.train))) == 5
    check_people(some)
    assert numbers(data.load("people", settings, subset=5).train) == numbers(some.train)
    assert some.key != whole.key != data.load("people", settings, subset=6).key
    labelled = data.load((np.arange(40, dtype=np.uint8).reshape(10, 2, 2), np.arange(10)), settings, subset=4)
    assert labelled.train_labels is not None
    assert (labelled.train[:, 0, 0, 0] // 4).tolist() == labelled.train_labels.tolist()
    with pytest.raises(UserError, match="people has 12 images to train on, and subset asks for 13"):
        data.load("people", settings, subset=13)
    with pytest.raises(UserError, match="5 images to train on and a batch needs 8"):
        data.load("people", DataSettings(8, held_out=0.0, minimum=8, cache=settings.cache), subset=5)
    with pytest.raises(UserError, match="has no option 'subset'"):
        data.load("ring", settings, subset=5)
    assert "subset" in data.options_for("digits") and "subset" not in data.options_for("ring")
    assert "subset" in data.options_of("folder") and "subset" not in data.options_of("moons")
    with pytest.raises(UserError, match="no data source is called 'digit': did you mean digits"):
        data.options_of("digit")


def test_subset_is_listed_and_known_where_the_data_are_not(capsys: pytest.CaptureFixture[str]) -> None:
    from twoplayer.cli.main import run
    from twoplayer.config.layers import resolve_config

    assert run(["list", "data", "digits"]) == 0
    assert "  subset: int >= 1 or none (default None)" in capsys.readouterr().out.splitlines()
    assert run(["list", "data", "ring"]) == 0 and "subset" not in capsys.readouterr().out
    with pytest.raises(UserError, match=r"called 'data.subsett': did you mean data.subset\?") as told:
        resolve_config("dcgan", "nosuch", **{"data.subset": 10, "data.subsett": 10})
    assert "'data.subset'" not in str(told.value)


def test_keys_of_tabled_data_stay_what_they_were() -> None:
    """Run folders written before the class was renamed hold a hash of this text."""
    assert repr(_annotations.AnnotationRequest(["a"])) == "Wanted(captions=['a'], attributes=None)"
