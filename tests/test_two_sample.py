"""Two sets from anywhere, tested and told in words: in Python and on the command line."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import twoplayer
from twoplayer.cli import main
from twoplayer.core.errors import UserError
from twoplayer.inference.open_samples import open_all_samples
from twoplayer.two_sample.statistics import create, names

FAST = ["means", "energy"]


def cloud(n: int, shift: float = 0.0, seed: int = 0, dimensions: int = 2) -> np.ndarray:
    return np.random.default_rng(seed).normal(shift, size=(n, dimensions))


def pictures(folder: Path, count: int, side: int = 12, seed: int = 0, colour: bool = False) -> Path:
    random = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    for number in range(count):
        shape = (side, side, 3) if colour else (side, side)
        Image.fromarray(random.integers(0, 256, shape, dtype=np.uint8)).save(folder / f"{number}.png")
    return folder


# ---- what is found, and how it is said


def test_all_tests_on_points_with_one_verdict() -> None:
    found = twoplayer.test_samples(cloud(60), cloud(80, 1.0, 1), permutations=199)
    assert [o.test for o in found.results] == names() and found.reject
    assert found["energy"].reject and found["energy"].p_value == 1 / 200
    assert all(p >= o.p_value for p, o in zip(found.corrected, found.results, strict=True))
    assert set(found.rejecting) == {o.test for o, p in zip(found.results, found.corrected, strict=True) if p <= 0.05}
    text = str(found)
    assert "60 samples of array" in text and "80 samples of array" in text and "2 coordinates" in text
    assert "A and B differ: at level 0.05 after Holm's correction for 8 tests" in text
    assert text.count("  differ") == len(found.rejecting)
    with pytest.raises(KeyError, match="there are classifier-knn"):
        found["mean"]


def test_that_nothing_is_found_is_no_proof() -> None:
    found = twoplayer.test_samples(cloud(60), cloud(60, 0.0, 1), tests=FAST, level=0.01, permutations=199)
    assert not found.reject and found.rejecting == ()
    assert found.verdict.startswith("No difference found at level 0.01 after Holm's correction for 2 tests.")
    assert "no proof" in found.verdict
    single = twoplayer.test_samples(cloud(60), cloud(60, 2.0, 1), tests="energy", permutations=19)
    assert single.verdict.startswith("A and B differ: at level 0.05, energy rejects equality.")
    assert single.corrected == (1 / 20,)


def test_the_correction_is_what_rejects() -> None:
    a, b = cloud(100), cloud(100, 0.28, 1)
    alone = twoplayer.test_samples(a, b, tests=["means"], permutations=999)
    p = alone["means"].p_value
    level = 1.5 * p  # above the p-value, below twice the p-value
    assert twoplayer.test_samples(a, b, tests=["means"], permutations=999, level=level).reject
    blind = twoplayer.test_samples(a, b, tests=["means", "variances"], permutations=999, level=level)
    assert blind["variances"].p_value > level and blind["means"].reject and not blind.reject


def test_tests_made_elsewhere() -> None:
    found = twoplayer.test_samples(cloud(40), cloud(40, 1.0, 1), tests=[create("mmd", width=0.3), "means"])
    assert found["mmd"].details == {"width": 0.3} and len(found.results) == 2


def test_small_sets_get_the_tests_that_they_are_enough_for() -> None:
    found = twoplayer.test_samples(cloud(10), cloud(11, 0.0, 1), permutations=199)
    assert "classifier-network" not in [o.test for o in found.results]
    assert any("classifier-network is left out: it needs at least 12" in note for note in found.notes)


def test_uneven_coordinates_are_noted_and_the_extractor_mends_them() -> None:
    a, b = cloud(80) * [1000.0, 1.0], cloud(80, 0.0, 1) * [1000.0, 1.0] + [0.0, 1.5]
    raw = twoplayer.test_samples(a, b, tests=["energy"])
    assert not raw.reject and "the standard deviation of the widest coordinate" in raw.notes[0]
    scaled = twoplayer.test_samples(a, b, tests=["energy"], extractor="points")
    assert scaled.reject and scaled.notes == () and "2 features of points" in str(scaled)


# ---- where samples come from


def test_files_names_and_runs(tmp_path: Path, tiny: Callable[..., Any]) -> None:
    np.save(tmp_path / "a.npy", cloud(50))
    np.savetxt(tmp_path / "b.csv", cloud(40, 3.0, 1), delimiter=",")
    np.savez(tmp_path / "c.npz", x=cloud(30))
    assert twoplayer.test_samples(tmp_path / "a.npy", str(tmp_path / "b.csv"), tests=FAST).reject
    assert not twoplayer.test_samples(
        tmp_path / "a.npy", tmp_path / "c.npz", tests=["means"], level=0.001, permutations=999
    ).reject
    run = tiny()
    for what in (run, run.path, str(run.path)):
        found = twoplayer.test_samples(what, "ring", tests=FAST, n=70)
        assert found.reject and (found.a.count, found.b.count) == (70, 70)
        assert "step 4" in str(found.a) and "70 of the 110,000 samples of ring" in str(found.b)
    assert twoplayer.test_samples(tmp_path / "b.csv", run, tests=FAST).b.count == 40
    np.testing.assert_array_equal(
        open_all_samples(run, n=5, seed=3).array(), open_all_samples(run.path, n=5, seed=3).array()
    )


def test_the_same_name_twice_is_two_halves(tiny: Callable[..., Any]) -> None:
    found = twoplayer.test_samples("ring", "ring", tests=FAST, n=150)
    assert (found.a.count, found.b.count, found.reject) == (150, 150, False)
    assert found.results[0].p_value < 1  # not the same samples twice
    run = tiny()
    assert not twoplayer.test_samples(run, run, tests=FAST, n=100).reject
    first, second = open_all_samples(cloud(11), n=100).halves(0)
    both = {tuple(row) for half in (first, second) for row in half.array()}
    assert first.count == second.count == 5 and len(both) == 10


def test_a_part_is_random_and_fixed_by_the_seed() -> None:
    values = np.arange(1000.0)[:, None]
    part = open_all_samples(values, n=100)
    assert (part.count, part.total) == (100, 1000)
    assert len(np.unique(part.array())) == 100 and 350 < part.array().mean() < 650
    np.testing.assert_array_equal(part.array(), open_all_samples(values, n=100).array())
    assert set(part.array()[:, 0]) != set(open_all_samples(values, n=100, seed=1).array()[:, 0])
    whole = open_all_samples(values, n=1000)
    np.testing.assert_array_equal(np.sort(whole.array(), 0), values)
    assert whole.count == 1000


def test_images_in_folders_zips_and_arrays(tmp_path: Path) -> None:
    folder, other = pictures(tmp_path / "a", 30), pictures(tmp_path / "b", 30, seed=1)
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        for file in sorted(other.iterdir()):
            archive.write(file, file.name)
    dark = np.random.default_rng(2).integers(0, 200, (25, 12, 12), dtype=np.uint8)
    assert open_all_samples(folder, n=99).array().shape == (30, 12, 12, 1)  # their own size, not 64 pixels
    same = twoplayer.test_samples(folder, tmp_path / "b.zip", tests=FAST, level=0.01)
    assert not same.reject and "features of random-conv" in same.features
    assert twoplayer.test_samples(folder, dark, tests=FAST).reject
    assert twoplayer.test_samples(folder, dark, tests=FAST, extractor="pixels").features == "144 features of pixels"


def test_what_is_resized_is_said(tmp_path: Path) -> None:
    small, large = pictures(tmp_path / "small", 8), pictures(tmp_path / "large", 8, side=80, seed=1)
    assert open_all_samples(large, n=9).array().shape[1:] == (64, 64, 1)
    assert open_all_samples(large, n=9).notes == ["its images are brought to squares of 64 pixels"]
    with pytest.raises(
        UserError, match="A have 12x12 pixels and those of B 64x64: bring both to one size with resolution 12"
    ):
        twoplayer.test_samples(small, large)
    found = twoplayer.test_samples(small, large, resolution=12, tests=["means"])
    assert found.a.notes == () and found.b.notes == ("its images are brought to squares of 12 pixels",)


def test_pictures_of_several_sizes_are_refused_or_told(tmp_path: Path) -> None:
    mixed = pictures(tmp_path / "mixed", 8)
    Image.new("L", (30, 20)).save(mixed / "z.png")  # not the first one
    with pytest.raises(UserError, match=r"the images of mixed have 2 sizes \(8 of 12x12, 1 of 30x20\): give a resol"):
        open_all_samples(mixed, n=99)
    assert open_all_samples(mixed, n=99, resolution=12).notes == ["1 of its images are brought to squares of 12 pixels"]
    large = pictures(tmp_path / "large", 4, side=80)
    Image.new("L", (90, 70)).save(large / "z.png")
    assert open_all_samples(large, n=9).notes == ["its images are brought to squares of 64 pixels"]
    wide = open_all_samples(np.zeros((5, 8, 12), np.uint8), n=9)
    assert wide.array().shape == (5, 8, 8, 1) and wide.notes == ["its images are brought to squares of 8 pixels"]


def test_default_tests_on_features_leave_out_what_looks_at_single_coordinates(tmp_path: Path) -> None:
    found = twoplayer.test_samples(pictures(tmp_path / "a", 12), pictures(tmp_path / "b", 12, seed=1), permutations=199)
    assert "kolmogorov-smirnov" not in [o.test for o in found.results] and len(found.results) == len(names()) - 1
    assert found.notes[0].startswith("kolmogorov-smirnov is left out: it takes at most 64 coordinates")


# ---- mistakes


@pytest.mark.parametrize(
    ("a", "b", "settings", "parts"),
    [
        (cloud(20), cloud(20, dimensions=3), {}, ["A have 2 coordinates and those of B 3"]),
        (cloud(20), np.zeros((20, 8, 8), np.uint8), {}, ["A holds points and B images"]),
        (np.zeros((20, 8, 8, 3), np.uint8), np.zeros((20, 8, 8), np.uint8), {}, ["B are gray", "A have colours"]),
        (np.zeros((20, 8, 8), np.uint8), np.zeros((20, 9, 9), np.uint8), {}, ["8x8 pixels", "9x9", "resolution 8"]),
        (np.full((20, 8, 8), np.nan), np.zeros((20, 8, 8)), {}, ["NaN"]),
        (np.full((20, 2), np.nan), cloud(20), {}, ["20 of the 20 points"]),
        (cloud(1), cloud(20), {}, ["A has 1 samples and B 20"]),
        (cloud(3), cloud(3, 0, 1), {}, ["3 and 3 samples can be divided in 10 ways only"]),
        (cloud(30), cloud(30, 0, 1), {"level": 5}, ["level must be less than 1"]),
        (cloud(30), cloud(30, 0, 1), {"permutations": 0}, ["permutations must be"]),
        (cloud(30), cloud(30, 0, 1), {"permutations": 100}, ["among 8 tests: take at least 159"]),
        (cloud(30), cloud(30, 0, 1), {"tests": ["enrgy"]}, ["did you mean energy?"]),
        (cloud(30), cloud(30, 0, 1), {"tests": []}, ["no tests are named"]),
        (cloud(30), cloud(30, 0, 1), {"n": 0}, ["cannot take 0 samples"]),
        (cloud(30), cloud(30, 0, 1), {"extractor": "random-conv"}, ["random-conv takes images, not points"]),
        (cloud(30), cloud(30, 0, 1), {"extractor": "randm-conv"}, ["did you mean random-conv?"]),
        ("digits", "digits", {"extractor": "classifier"}, ["classifier is trained on one of the sets"]),
        ("digits", "digits", {"extractor": "points"}, ["points takes points, not images"]),
        ("rnig", "ring", {}, ["did you mean ring?"]),
    ],
)  # fmt: skip
def test_a_mistake_is_one_sentence(a: Any, b: Any, settings: dict[str, Any], parts: list[str]) -> None:
    with pytest.raises(UserError) as refused:
        twoplayer.test_samples(a, b, **settings)
    assert "\n" not in str(refused.value)
    for part in parts:
        assert part in str(refused.value)


def test_a_run_does_not_change_its_resolution(tmp_path: Path, tiny: Callable[..., Any]) -> None:
    run = tiny("dcgan", np.zeros((40, 8, 8), np.uint8) + np.arange(8, dtype=np.uint8), filters=4)
    with pytest.raises(UserError, match="makes images of 8 pixels: leave the resolution out"):
        twoplayer.test_samples(run, pictures(tmp_path / "a", 5), resolution=16)


# ---- the command line


def call(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[int, str, str]:
    monkeypatch.setattr("warnings.showwarning", None)  # put back what the command line sets
    capfd.readouterr()
    code = main.run(["test-samples", *arguments])
    return (code, *capfd.readouterr())


def test_the_verb(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.savetxt("a.csv", cloud(60), delimiter=",")
    np.savetxt("b.csv", cloud(60, 1.0, 1), delimiter=",")
    code, out, err = call(capfd, monkeypatch, "a.csv", "b.csv", "--tests", "energy, means", "--permutations", "99")
    assert code == 0 and "A and B differ" in out and "energy (1 of 2)" in err
    code, out, err = call(capfd, monkeypatch, "a.csv", "b.csv", "--tests", "energy", "--level", "0.01", "--json")
    document = json.loads(out)
    assert (code, err) == (0, "") and document["reject"] is True and document["level"] == 0.01
    assert {"a", "b", "features", "results", "corrected", "verdict", "seed", "permutations"} <= document.keys()
    assert document["results"][0].keys() >= {"test", "statistic", "p_value", "level", "reject", "permutations", "seed"}
    assert document["results"][0]["p_value"] == pytest.approx(1 / 501)


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ("a.csv missing.csv", "there is no file or folder missing.csv"),
        ("a.csv empty", "the folder empty holds no images"),
        ("a.csv a.csv --tests enrgy", "did you mean energy?"),
        ("a.csv ring --level 1", "1.0 is not in the range 0<x<1"),
        ("a.csv ring --permutations 99", "99 permutations can show no difference"),
        ("a.csv broken.csv", "broken.csv"),
        ("a.csv", "Missing argument 'B'"),
    ],
)
def test_a_mistake_on_the_command_line(
    arguments: str, part: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    np.savetxt("a.csv", cloud(30), delimiter=",")
    Path("broken.csv").write_text("1,2\n3,x\n")
    Path("empty").mkdir()
    code, out, err = call(capfd, monkeypatch, *arguments.split())
    assert (code, out) == (2, "") and part in err and len(err.splitlines()) == 1
