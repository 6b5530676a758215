"""What evaluating leaves in a run's folder, and how the report shows it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import twoplayer
from test_reporting import HOSTILE, Page, make_run, read_page
from twoplayer.api.run import Run
from twoplayer.core.errors import UserError
from twoplayer.core.files import write_json
from twoplayer.core.number_format import format_number
from twoplayer.reporting import write_report
from twoplayer.reporting._formatting import better

PICTURES = {"neighbours.png", "neighbours_held_out.png", "interpolations.png"}


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run on 8×8 digits, two rounds of a tiny network, measured by a stand-in."""
    from _toys import unmeasured

    with pytest.MonkeyPatch.context() as patch:
        unmeasured(patch.setattr)
        patch.chdir(tmp_path_factory.mktemp("digits"))
        options = {"batch_size": 16, "filters": 4, "steps": 2, "tensorboard": False, "evaluate_every": 0}
        made: Run = twoplayer.train("gan1", "digits", **options)
        return Run(made.path.resolve())


@pytest.fixture
def run(digits: Run, tmp_path: Path) -> Run:
    import shutil

    return Run(shutil.copytree(digits.path, tmp_path / "run"))


def kept(run: Run) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run.folder.evaluation / "evaluation.json").read_text())
    return found


def named(run: Run) -> set[str]:
    return {figure["name"] for figure in kept(run)["metric_values"]}


# ---- what is left in the folder


def test_figures_and_pictures_are_kept(run: Run) -> None:
    found = run.evaluate(n=120, extractor="pixels", metrics="fd,authenticity", keep=True)
    assert {path.name for path in run.folder.evaluation.iterdir()} == {*PICTURES, "evaluation.json"}
    document = kept(run)
    assert [f["name"] for f in document["metric_values"]] == [f.name for f in found.metric_values]
    assert {"fd_pixels_120", "authenticity_pixels_120"} == named(run)
    assert document["samples"] == 120 and document["step"] == 2 and document["distance_unit"] > 0
    assert document["drawn"] == {"count": 120, "seed": 0, "refine": None}
    for name in PICTURES:
        with Image.open(run.folder.evaluation / name) as picture:
            assert min(picture.size) > 200
    assert not list(run.path.rglob("*.partial"))


def test_nothing_is_written_unless_asked(run: Run) -> None:
    run.evaluate(n=60, extractor="pixels", metrics="fd")
    assert not run.folder.evaluation.exists()


def test_paths_are_measured_where_no_metric_is_named(run: Run) -> None:
    everything = run.evaluate(n=60, extractor="pixels")
    names = {figure.name for figure in everything.metric_values}
    assert sum("100,000 paths, these over 2,000" in note for note in everything.notes) == 1
    assert {"path_length_pixels_2k", "largest_step_pixels_64", "memorization_test_pixels_60"} <= names
    assert not {n for n in names if "path" in n} & {
        f.name for f in run.evaluate(n=60, extractor="pixels", metrics="fd").metric_values
    }


def test_figures_of_the_same_samples_stay(run: Run) -> None:
    run.evaluate(n=60, extractor="pixels", metrics="fd", keep=True)
    run.evaluate(n=60, extractor="pixels", metrics="authenticity", keep=True)
    assert named(run) == {"fd_pixels_60", "authenticity_pixels_60"}
    run.evaluate(n=60, seed=1, extractor="pixels", metrics="support-size", keep=True)
    assert named(run) == {"support_size_pixels_60"}  # other samples
    run.folder.evaluation.joinpath("evaluation.json").write_text("{cut")
    run.evaluate(n=60, seed=1, extractor="pixels", metrics="fd", keep=True)
    assert named(run) == {"fd_pixels_60"}


def test_copies_are_shown_beside_what_they_copy(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A generator that hands out training images: every row of the sheet begins with the same image twice."""
    from twoplayer.evaluation import storage
    from twoplayer.runs.dataset import reopen

    train = reopen(run.folder).train
    chosen = np.random.default_rng(0).integers(len(train), size=100)
    monkeypatch.setattr(Run, "stream", lambda self, *_, **__: iter([train[chosen]]))
    monkeypatch.setattr(storage, "_draw_again", lambda run, drawn, rows: train[chosen[rows]])
    found = run.evaluate(n=100, extractor="pixels", keep=True)
    figures = {f.name: f for f in found.metric_values}
    assert figures["authenticity_pixels_100"].value == 0 < figures["authenticity_pixels_100"].real
    z = figures["memorization_test_pixels_100"]
    assert z.value < -5 and z.real is not None and abs(z.real) < 4
    sheet = np.asarray(Image.open(run.folder.evaluation / "neighbours.png"))
    side = sheet.shape[0] // 8 - 20
    across = side + 4
    for row in range(8):
        top = row * (side + 20)
        sample, nearest = (sheet[top : top + side, left : left + side] for left in (0, across + 16))
        assert (sample == nearest).all()


def test_points_have_paths_and_no_neighbours(tiny: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(tiny("gan1", "ring", steps=2).path)
    monkeypatch.undo()  # real pictures
    run.evaluate(n=100, metrics="modes", keep=True)
    assert {p.name for p in run.folder.evaluation.iterdir()} == {"evaluation.json", "interpolations.png"}
    page = read_page(write_report(run.path))
    assert "Latent paths" in page.text and "Nearest neighbours" not in page.text and "nearest" not in page.text


# ---- the report


def evaluated(folder: Path, **changes: Any) -> Path:
    make_run(folder)
    figures = [
        {"name": "fd_classifier_10k", "value": 3.2091, "error": 0.0213, "higher_is_better": False, "real": 0.0121,
         "real_error": 0.0004, "real_count": 10_000},
        {"name": "memorization_test_classifier_10k", "value": -12.31, "error": 1.04, "higher_is_better": None,
         "real": 0.61, "real_error": 1.0, "real_count": 5_000},
        {"name": "path_length_classifier_1k", "value": 812345.0, "error": 21000.0, "higher_is_better": False,
         "real": None, "real_error": None, "real_count": None},
    ]  # fmt: skip
    document = {
        "step": 90,
        "images_seen": 5760,
        "samples": 10_000,
        "metric_values": figures,
        "notes": ["A judge's word."],
    }
    write_json(folder / "evaluation" / "evaluation.json", {**document, "distance_unit": 2.5, **changes})
    for name in PICTURES:
        Image.new("RGB", (40, 30)).save(folder / "evaluation" / name)
    return folder


def test_the_report_shows_the_evaluation(tmp_path: Path) -> None:
    page = read_page(write_report(evaluated(tmp_path / "run")))
    text = " ".join(page.text.split())
    assert "10,000 samples of the generator after 5,760 images, with standard errors" in text
    assert "3.209 ± 0.021" in text and "0.01210 ± 0.00040" in text
    assert "\u221212.3 ± 1.0" in text and "closest to real data is best" in text and "of 5,000" in text
    assert "812,000 ± 21,000" in text and "A judge's word." in text
    assert "Nearest neighbours and latent paths" in text and "relative to that of a typical held-out image" in text
    assert "those nearest to training images, of 10,000 samples" in text
    assert page.count("img") == 4 + 3
    assert all(a.get("alt") for tag, a in page.elements if tag == "img")


def test_without_an_evaluation_there_is_no_section(tmp_path: Path) -> None:
    source = write_report(make_run(tmp_path / "run")).read_text()
    assert "Latent paths" not in source and "Nearest neighbours" not in source and 'id="evaluation"' not in source


@pytest.mark.parametrize("missing", sorted(PICTURES))
def test_a_missing_picture_is_left_out(tmp_path: Path, missing: str) -> None:
    folder = evaluated(tmp_path / "run", distance_unit=None)
    (folder / "evaluation" / missing).unlink()
    (folder / "evaluation" / "neighbours_held_out.png").write_bytes(b"no picture")
    page = read_page(write_report(folder))
    headings = {"neighbours.png": "Latent paths", "interpolations.png": "Nearest neighbours"}
    heading = headings.get(missing, "Nearest neighbours and latent paths")
    assert heading in page.text and "typical" not in page.text


def test_what_evaluations_say_is_escaped(tmp_path: Path) -> None:
    hostile = {"name": HOSTILE, "value": 1.0, "higher_is_better": True}
    folder = evaluated(tmp_path / "run", figures=[hostile], notes=[HOSTILE])
    source = write_report(folder).read_text(encoding="utf-8")
    assert Page(source).count("script") == 1 and "<script>alert" not in source.lower()


def test_a_damaged_evaluation_is_told(tmp_path: Path) -> None:
    folder = evaluated(tmp_path / "run")
    for text, words in (("[1]", "is corrupt"), ("{", "not valid JSON")):
        (folder / "evaluation" / "evaluation.json").write_text(text)
        with pytest.raises(UserError, match=words):
            write_report(folder)


def test_figures_in_training_that_are_best_like_real(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run")
    lines = [
        {"step": s, "images_seen": 64 * s, "seconds": 1.0, "notes": [],
         "metric_values": [{"name": "vendi_pixels_1k", "value": v, "higher_is_better": None, "real": 5.0}]}
        for s, v in ((30, 9.0), (60, 5.5), (90, 2.0))
    ]  # fmt: skip
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    text = " ".join(read_page(write_report(folder)).text.split())
    assert "closest to real data is best" in text and "5.5at 3.84k" in text  # two lines of one cell


def test_words() -> None:
    cases = [(3.2091, 0.0213), (1.5, None), (1.5, 0.0), (None, None), (-12.31, 1.04)]
    expected = ["3.209 ± 0.021", "1.5", "1.5", "–", "\u221212.3 ± 1.0"]
    assert [format_number(*case) for case in cases] == expected
    assert [better(b) for b in (True, False, None)] == [
        "higher is better",
        "lower is better",
        "closest to real data is best",
    ]
