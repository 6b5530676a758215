"""What a game is for: held against what is known, beside what stands for doing nothing, and where it is shown."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import twoplayer
from _picture_folders import captioned, two_sides
from _toys import unmeasured
from twoplayer.api.run import Run
from twoplayer.cli.main import run as cli
from twoplayer.core.errors import UserError
from twoplayer.data._base import Dataset
from twoplayer.evaluation import tasks
from twoplayer.evaluation.evaluate import _applicable_tasks
from twoplayer.evaluation.tasks import linear_probes as probes
from twoplayer.inference.translate import translation_errors
from twoplayer.runs.dataset import reopen
from twoplayer.sampling.samples import Samples
from twoplayer.text_encoders import _contrastive as _towers
from twoplayer.text_encoders._contrastive_encoder import ContrastiveTextEncoder

SMALL = {"resolution": 16, "batch_size": 4, "filters": 4, "tensorboard": False, "device": "cpu", "steps": 2,
         "evaluate_every": 0, "held_out": 0.5}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("aims")
    two_sides(made / "sides")
    captioned(made / "captions", count=220)
    return made


@pytest.fixture(scope="module")
def runs(folder: Path) -> dict[str, Run]:
    """A run of each game that has an aim, a moment old."""
    digits = {"filters": 4, "batch_size": 16, "steps": 2, "evaluate_every": 0, "tensorboard": False}
    with pytest.MonkeyPatch.context() as patch:
        unmeasured(patch.setattr)
        patch.setattr(_towers, "TRAINING_PAIRS", 2_000)
        sides, one = f"pairs:{folder / 'sides'}", {"depth": 1, "image_pool_size": 4}
        return {
            "pix2pix": twoplayer.train("pix2pix", sides, run=folder / "pix2pix", **SMALL),
            "cyclegan": twoplayer.train("cyclegan", sides, run=folder / "cyclegan", direction="BtoA", **one, **SMALL),
            "gan-cls": twoplayer.train(
                "gan-cls",
                str(folder / "captions"),
                run=folder / "gan-cls",
                condition_dim=4,
                text_embedding_dim=8,
                **SMALL,
            ),
            "bigan": twoplayer.train("bigan", "digits", run=folder / "bigan", latent_dim=6, join_width=8, **digits),
        }


@pytest.fixture
def fresh(runs: dict[str, Run], tmp_path: Path) -> Callable[[str], Run]:
    """A copy of a run, to be written to, or whose generator a test replaces."""
    return lambda name: Run(shutil.copytree(runs[name].path, tmp_path / name))


# ---- which


def test_the_family_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli(["list", "evaluation-tasks"]) == 0
    assert capsys.readouterr().out.split()[0::1][0] == "caption-retrieval"
    assert set(tasks.names()) == {
        "conditional-accuracy",
        "caption-retrieval",
        "translation-error",
        "linear-probes",
        "reconstruction",
    }
    for name in tasks.names():
        assert tasks.describe(name).source and tasks.create(name).required_run.startswith("a run ")


def test_what_takes_minutes_is_measured_by_name_alone(runs: dict[str, Run]) -> None:
    for name, quick, slow in (("gan-cls", [], "caption-retrieval"), ("bigan", ["reconstruction"], "linear-probes")):
        found = _applicable_tasks(None, runs[name], reopen(runs[name].folder))
        assert list(found.tasks) == quick
        assert found.notes == (f"Measured only where it is named, since it can take minutes: {slow}.",)


@pytest.mark.parametrize(
    ("run", "metrics", "words"),
    [
        ("bigan", "translation-error", "translation-error needs a run of pix2pix or cyclegan, which .* is not"),
        (
            "pix2pix",
            "fd,caption-retrieval,conditional-accuracy",
            "caption-retrieval needs a run of a text game(.|\n)*conditional-accuracy needs",
        ),
        ("pix2pix", "translation-erro", "no metric is called 'translation-erro': did you mean translation-error"),
        ("pix2pix", "translation-error:n=3", "translation-error has no option 'n=3'"),
        ("pix2pix", "nothing-like-it", "no metric is called 'nothing-like-it'"),
    ],
)
def test_aims_that_a_run_does_not_have(run: str, metrics: str, words: str, runs: dict[str, Run]) -> None:
    with pytest.raises(UserError, match=words):
        runs[run].evaluate(n=20, metrics=metrics)


def test_samples_alone_have_no_aims() -> None:
    images = np.zeros((8, 8, 8, 3), np.uint8)
    with pytest.raises(UserError, match="translation-error is measured of a run in its folder"):
        twoplayer.evaluate(images, images, metrics="translation-error,fd")


def test_without_held_out_pairs_it_is_said(folder: Path, tmp_path: Path, cheap: None) -> None:
    data = {"name": f"pairs:{folder / 'sides'}", "paired": False}
    run = twoplayer.train("cyclegan", data, run=tmp_path / "run", depth=1, image_pool_size=4, **SMALL)
    with pytest.raises(UserError, match="translation-error needs pairs that are held out"):
        run.evaluate(metrics="translation-error")
    assert "Not measured: translation-error, which needs pairs that are held out." in run.evaluate(n=8).notes


# ---- translation


class Negative(torch.nn.Module):
    """What the other side of `two_sides` is."""

    def forward(self, images: Tensor) -> Tensor:
        return -images.flip(2)


@pytest.mark.parametrize("name", ["pix2pix", "cyclegan"])
def test_a_perfect_translator_is_at_its_partners_and_the_input_is_not(
    name: str, runs: dict[str, Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, data = runs[name], reopen(runs[name].folder)
    monkeypatch.setitem(run.__dict__, "generator", Negative())
    found = run.evaluate(metrics="translation-error")
    given, true = np.asarray(data.held_out), np.asarray(data.partner_held_out)
    count = len(given)
    assert count == 12 and data.paired and found.samples == count
    assert found["translation_error_l1"] == found["translation_error_perceptual"] == 0
    figures = {figure.name: figure for figure in found.metric_values}
    each = np.abs(given.astype(float) - true).mean((1, 2, 3)) / 255
    copied = figures[f"translation_error_l1_of_inputs_{count}"]
    assert copied.value == pytest.approx(each.mean()) == pytest.approx(translation_errors(given, true).l1)
    assert copied.error == pytest.approx(each.std(ddof=1) / count**0.5)
    assert figures[f"translation_error_perceptual_of_inputs_{count}"].value > 0.01


def test_gray_inputs_are_held_against_coloured_partners() -> None:
    from twoplayer.evaluation.tasks.translation_error import _with_channels

    gray = np.full((2, 4, 4, 1), 90, np.uint8)
    assert _with_channels(gray, 3).shape == (2, 4, 4, 3) and (_with_channels(gray, 3) == 90).all()
    colour = np.stack([np.full((2, 4, 4), v, np.uint8) for v in (10, 20, 33)], -1)
    assert (_with_channels(colour, 1) == 21).all() and _with_channels(colour, 3) is colour


# ---- text


class Recalled(torch.nn.Module):
    """Hands out images one after the other, whatever it is told."""

    def __init__(self, images: np.ndarray) -> None:
        super().__init__()
        self.images = torch.from_numpy(images.copy()).permute(0, 3, 1, 2).float().div(127.5).sub(1)
        self.given = 0

    def forward(self, inputs: Tensor) -> Tensor:
        self.given += len(inputs)
        return self.images[self.given - len(inputs) : self.given]


def test_images_with_their_own_captions_rank_as_real_ones_and_the_judge_is_kept(
    fresh: Callable[[str], Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = fresh("gan-cls")
    data = reopen(run.folder)
    monkeypatch.setattr(_towers, "TRAINING_PAIRS", 5_000)
    run.__dict__["generator"] = Recalled(data.held_out)
    found = run.evaluate(metrics="caption-retrieval")
    figures = {figure.name: figure for figure in found.metric_values}
    assert list(figures) == ["caption_rank_110", "r_precision_1_110", "r_precision_10_110"]
    assert all(f.value == f.real and f.error == f.real_error for f in figures.values())
    assert figures["caption_rank_110"].value < 35  # a fourth have its colour; by chance 50.5
    assert "For random images the mean rank of a caption among 100 is 50.5" in " ".join(found.notes)

    def refuse(*_: Any) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(ContrastiveTextEncoder, "fit", refuse)
    run.__dict__["generator"] = Recalled(data.held_out[::-1])
    other = run.evaluate(metrics="caption-retrieval")
    assert other.metric_values[0].real == figures["caption_rank_110"].real
    assert other["caption_rank"] > found["caption_rank"]


# ---- inference


def test_what_is_reconstructed_is_no_distance_away(
    fresh: Callable[[str], Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = fresh("bigan")
    data = reopen(run.folder)
    monkeypatch.setattr(Run, "reconstruct", lambda self, samples: Samples(np.asarray(samples)))
    found = run.evaluate(metrics="reconstruction")
    assert found["reconstruction_l1"] == 0 < found["reconstruction_l1_of_another"]
    mean = data.train.mean(0).round()
    assert found["reconstruction_l1_of_mean"] == pytest.approx(np.abs(data.held_out - mean).mean() / 255)


def test_figures_of_an_aim_stand_beside_earlier_ones_with_their_pictures(fresh: Callable[[str], Run]) -> None:
    run = fresh("bigan")
    run.evaluate(n=60, extractor="pixels", metrics="fd", keep=True)
    before = {path.name: path.read_bytes() for path in run.folder.evaluation.glob("*.png")}
    assert "neighbours.png" in before
    run.evaluate(n=60, metrics="reconstruction", keep=True)
    assert {path.name: path.read_bytes() for path in run.folder.evaluation.glob("*.png")} == before
    page = run.report().read_text(encoding="utf-8").replace("<wbr>", "")
    assert "reconstruction_l1_of_another_" in page and "fd_pixels_60" in page
    run.evaluate(n=60, seed=1, metrics="reconstruction", keep=True)  # of other samples
    assert not (run.folder.evaluation / "neighbours.png").exists()


def test_probes_see_classes_where_there_are_some() -> None:
    random = np.random.default_rng(0)
    labels = np.arange(300) % 3
    centres = np.array([[0.0, 0, 0], [6, 0, 0], [0, 6, 0]])
    features = (centres[labels] + random.normal(size=(300, 3))).astype(np.float32)
    for right in (probes.nearest_neighbour_correct, probes.logistic_regression_correct):
        assert right(features[:200], labels[:200], features[200:], labels[200:]).mean() > 0.97
        noise = right(random.normal(size=(200, 3)), labels[:200], features[200:], labels[200:])
        assert noise.mean() < 0.6 and noise.shape == (100,)


def test_held_out_samples_that_lie_class_by_class_are_asked_from_all_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "MAX_TEST_SAMPLES", 40)
    labels = np.repeat(np.arange(4), 50)
    images = np.zeros((200, 4, 4, 1), np.uint8)
    data = Dataset(
        name="sorted", kind="images", train=images, held_out=images, train_labels=labels, held_out_labels=labels,
        class_names=("a", "b", "c", "d"), key="sorted",
    )  # fmt: skip
    _, asked = probes._labelled_parts(data)
    assert len(asked.labels) == 40 and set(asked.labels.tolist()) == {0, 1, 2, 3}


def test_a_run_is_probed_beside_pixels_and_chance(runs: dict[str, Run], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "MAX_TRAIN_SAMPLES", 400)
    found = runs["bigan"].evaluate(metrics="linear-probes")
    names = {value.quantity for value in found.metric_values}
    assert names == {
        f"probe_{kind}_{what}"
        for kind in ("1nn", "linear")
        for what in ("encoder", "critic", "pixels", "random_encoder")
    }
    assert found["probe_1nn_pixels"] > 0.9 and found["probe_linear_pixels"] > 0.85
    assert all(0 <= f.value <= 1 and f.error is not None and f.error < 0.05 for f in found.metric_values)
    with pytest.raises(AssertionError):
        np.testing.assert_array_equal(
            probes.untrained_encoder(runs["bigan"])(reopen(runs["bigan"].folder).held_out[:4]),
            runs["bigan"].encode(reopen(runs["bigan"].folder).held_out[:4]),
        )
