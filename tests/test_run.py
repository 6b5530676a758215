"""Runs, samples and the estimator, as Python and notebooks see them."""

from __future__ import annotations

import io
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import twoplayer
from twoplayer.api.run import Run
from twoplayer.core.errors import UserError
from twoplayer.sampling.samples import Samples

RANDOM = np.random.default_rng(0)
FACES = RANDOM.integers(0, 256, (40, 8, 8), dtype=np.uint8)
POINTS = RANDOM.normal([300.0, -0.01], [50.0, 0.001], (200, 2))
SMALL = {"filters": 4, "evaluate_count": 100}


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run on 8×8 digits, six rounds of a tiny DCGAN, measured by a stand-in."""
    from _toys import unmeasured

    with pytest.MonkeyPatch.context() as patch:
        unmeasured(patch.setattr)
        patch.chdir(tmp_path_factory.mktemp("digits"))
        options = {
            "batch_size": 8,
            "filters": 4,
            "steps": 6,
            "log_every": 2,
            "tensorboard": False,
            "checkpoint_every": 3,
        }
        options["learning_rate"] = 0.02  # in so few rounds a small one leaves every pixel gray
        made: Run = twoplayer.train("dcgan", "digits", evaluate_every=0, **options)
        return Run(made.path.resolve())


# ---- runs


def test_a_run_is_read_from_its_folder(digits: Run) -> None:
    assert digits.path.name == "dcgan-digits-1"
    assert repr(digits).endswith("dcgan on digits, finished at round 6)")
    assert digits.status["images_seen"] == 48 and digits.data["shape"] == [1, 8, 8]
    assert [line["step"] for line in digits.progress] == [2, 4, 6]
    last = digits.progress[-1]
    assert last["critic_updates"] == last["generator_updates"] == 6 and last["images_seen"] == 48
    names = {"critic_loss", "generator_loss", "real_score", "fake_score", "critic_gradient_norm"}
    assert names | {"generator_gradient_norm", "images_per_second", "seconds"} <= last.keys()
    assert [m["step"] for m in digits.metrics] == [6]
    assert {p.name for p in digits.folder.samples.iterdir()} >= {"real.png", "000000000.png", "000000006.png"}
    assert not list(digits.path.rglob("*.partial"))
    assert digits._repr_html_().startswith("<code>Run(") and "data:image/png;base64," in digits._repr_html_()


def test_the_same_seed_gives_the_same_samples(digits: Run) -> None:
    one, again, other = digits.sample(7, seed=3), Run(digits.path).sample(7, seed=3), digits.sample(7, seed=4)
    assert one.array.shape == (7, 8, 8, 1) and one.array.dtype == np.uint8
    assert np.array_equal(one, again) and not np.array_equal(one, other)
    with pytest.raises(UserError, match="cannot draw 0 samples"):
        digits.sample(0)


def test_sampling_is_by_the_averaged_generator_in_eval_mode(digits: Run) -> None:
    from _toys import state

    held = digits.generator.state_dict()
    average = state(digits.path)["ema"]
    assert held.keys() == average.keys()
    assert all(np.array_equal(held[k], average[k]) for k in held)
    raw = state(digits.path)["problem"]
    assert any(not np.array_equal(held[k], raw[f"generator.{k}"]) for k in held)
    assert not digits.generator.training


def test_evaluate_measures_what_its_seed_draws(digits: Run, cheap: None) -> None:
    found = digits.evaluate(n=100)
    assert (found.step, found.images_seen, found.samples) == (6, 48, 100)
    assert found["toy"] == found["toy_100"] == digits.draw(100, digits.config.seed, "evaluation").mean()
    assert digits.evaluate(n=100) == found != digits.evaluate(n=100, seed=1)
    assert "toy_100" in str(found) and found.document()["metric_values"][0]["name"] == "toy_100"
    with pytest.raises(KeyError, match="there are toy_100"):
        found["fid"]


def test_points_are_measured_by_their_modes(tiny: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    run = tiny("gan1", "ring", steps=2)
    monkeypatch.undo()  # the real figures
    found = Run(run.path).evaluate(n=400)
    assert {"modes_covered_400", "high_quality_share_400"} <= {f.name for f in found.metric_values}
    covered = next(f for f in found.metric_values if f.name == "modes_covered_400")
    assert covered.real == 8 and 0 <= covered.value <= 8
    assert found["high_quality_share"] <= 1


def test_a_report_is_one_file(digits: Run, tmp_path: Path) -> None:
    page = digits.report(tmp_path / "page.html")
    text = page.read_text()
    assert page == tmp_path / "page.html" and "dcgan" in text and "data:image/png;base64," in text
    assert digits.report() == digits.path / "report.html"


def test_an_array_in_memory_is_not_reopened(tiny: Callable[..., Any]) -> None:
    run = tiny("gan1", FACES, batch_size=8, steps=1)
    assert run.data["name"] == "array" and run.sample(2).array.shape == (2, 8, 8, 1)
    with pytest.raises(UserError, match="trained on an array in memory: pass it again"):
        run.evaluate()
    assert run.evaluate(n=10, data=FACES).metric_values
    again = tiny("gan1", FACES, batch_size=8, steps=2)
    assert again.status["step"] == 2
    with pytest.raises(UserError, match=r"the data of .* have changed"):
        tiny("gan1", FACES[::-1].copy(), batch_size=8, steps=3)


def test_two_arrays_under_the_same_settings_are_two_runs(
    cheap: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    small = {**SMALL, "steps": 1, "batch_size": 8, "tensorboard": False, "evaluate_every": 0}

    def name(array: np.ndarray, **settings: Any) -> str:
        return twoplayer.train("gan1", array, **{**small, **settings}).path.name

    assert name(FACES) == "gan1-array-1"
    assert name(FACES[::-1].copy()) == "gan1-array-2"
    assert name(FACES, steps=2) == "gan1-array-1"  # goes on
    (tmp_path / "runs" / "gan1-array-7").mkdir()
    assert name(FACES, seed=5) == "gan1-array-8"
    shutil.rmtree(tmp_path / "runs" / "gan1-array-1")
    assert name(FACES[::-1].copy(), steps=3) == "gan1-array-2"  # a gap in the numbers hides no run
    assert name(FACES) == "gan1-array-9"


def test_points_come_back_in_the_users_units(tiny: Callable[..., Any]) -> None:
    run = tiny("gan1", POINTS, steps=1, batch_size=16)
    drawn = run.sample(500).array
    assert abs(drawn[:, 0].mean() - 300) < 500 and drawn[:, 0].std() > 1
    assert np.abs(drawn[:, 1] + 0.01).max() < 0.05


def test_listeners_hear_of_everything(tiny: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[str] = []
    measure = twoplayer.measurement.measure  # a stand-in

    def talk(samples: Any, data: Any, *, progress: Callable[[str], None], **options: Any) -> Any:
        progress("training the classifier: 100%")
        return measure(samples, data, **options)

    monkeypatch.setattr(twoplayer.measurement, "measure", talk)

    class Ear:
        def on_start(self, folder: Any, config: Any, dataset: Any, placement: Any) -> None:
            heard.append(f"start {config.method} {dataset.name}")

        def on_progress(self, progress: Any) -> None:
            heard.append(f"progress {progress.step} {progress.fraction}")

        def on_note(self, text: str) -> None:
            heard.append(f"note {text}")

        def on_figures(self, step: int, figures: Any, note: str) -> None:
            heard.append(f"figures {step}")

        def on_samples(self, step: int, picture: Path) -> None:
            heard.append(f"samples {step} {picture.is_file()}")

        def close(self) -> None: ...

    tiny(steps=2, log_every=1, sample_every=2, listeners=[Ear()])
    assert heard[:4] == ["start gan1 ring", "samples 0 True", "progress 1 0.5", "progress 2 1.0"]
    assert heard[-2:] == ["note training the classifier: 100%", "figures 2"] and heard.count("samples 2 True") >= 1


# ---- samples


IMAGES = Samples(np.repeat(FACES[:9, :, :, None], 3, axis=3))
CLOUD = Samples(POINTS.astype(np.float32), POINTS.astype(np.float32))


def test_samples_are_arrays() -> None:
    assert len(IMAGES) == 9 and IMAGES.kind == "images" and CLOUD.kind == "points"
    assert np.asarray(IMAGES).shape == (9, 8, 8, 3) and np.array_equal(IMAGES[2], IMAGES.array[2])
    assert repr(IMAGES) == "Samples(9 images, shape (8, 8, 3))" and repr(CLOUD) == "Samples(200 points, shape (2,))"
    assert np.asarray(CLOUD, dtype=np.float64).dtype == np.float64


@pytest.mark.parametrize("samples", [IMAGES, CLOUD], ids=["images", "points"])
def test_samples_save_in_every_form(samples: Samples, tmp_path: Path) -> None:
    assert np.array_equal(np.load(samples.save(tmp_path / "a" / "x.npy")), samples.array)
    with np.load(samples.save(tmp_path / "x.npz")) as archive:
        assert np.array_equal(archive["samples"], samples.array)
    with Image.open(samples.save(tmp_path / "x.PNG")) as image:
        assert min(image.size) >= 24
    with Image.open(io.BytesIO(samples._repr_png_())) as image:
        assert image.format == "PNG"


def test_points_save_as_csv_and_images_as_a_folder(tmp_path: Path) -> None:
    assert np.allclose(np.loadtxt(CLOUD.save(tmp_path / "x.csv"), delimiter=","), CLOUD.array, rtol=1e-6)
    folder = IMAGES.save(tmp_path / "faces")
    with Image.open(sorted(folder.iterdir())[3]) as image:
        assert np.array_equal(np.asarray(image), IMAGES.array[3])
    assert len(list(folder.iterdir())) == 9
    gray = Samples(FACES[:2, :, :, None]).save(tmp_path / "gray")
    with Image.open(gray / "000001.png") as image:
        assert image.mode == "L" and np.array_equal(np.asarray(image), FACES[1])
    for samples, name in ((CLOUD, "folder"), (IMAGES, "x.csv"), (IMAGES, "x.jpg")):
        with pytest.raises(UserError, match="give a name that ends in"):
            samples.save(tmp_path / name)
    assert not (tmp_path / "x.jpg").exists()


def test_a_grid_holds_the_pixels() -> None:
    grid = np.asarray(IMAGES.picture(columns=3).convert("RGB"))
    scale, gap = 26, 2  # 3 images of 8 pixels and 2 gaps, nearest to 640
    pitch = 8 * scale + gap
    assert grid.shape == (3 * pitch - gap, 3 * pitch - gap, 3)
    for number, image in enumerate(IMAGES.array):
        row, column = divmod(number, 3)
        cell = grid[row * pitch :, column * pitch :][: 8 * scale, : 8 * scale]
        assert np.array_equal(cell, image.repeat(scale, axis=0).repeat(scale, axis=1))


# ---- the estimator


def gan(**settings: Any) -> twoplayer.GAN:
    return twoplayer.GAN("gan1", steps=2, random_state=0, settings={**SMALL, **settings})


def test_parameters_follow_scikit_learn() -> None:
    model = twoplayer.GAN("wgan-gp", steps=5, settings={"batch_size": 4})
    names = {"method", "steps", "random_state", "run", "settings"}
    assert set(model.get_params()) == names and model.get_params()["method"] == "wgan-gp"
    copy = clone(model)
    assert copy is not model and copy.get_params() == model.get_params()
    assert model.set_params(steps=7) is model and model.steps == 7 and copy.steps == 5
    with pytest.raises(ValueError, match="Invalid parameter"):
        model.set_params(stepz=1)
    with pytest.raises(NotFittedError):
        model.sample(3)
    assert repr(model).startswith("GAN(")


def test_fit_then_sample_in_the_units_of_the_columns(cheap: None) -> None:
    model = gan()
    assert model.fit(POINTS) is model
    assert model.n_features_in_ == 2 and isinstance(model.run_, Run)
    drawn = model.sample(50, random_state=1)
    assert drawn.shape == (50, 2) and drawn.dtype == np.float32
    assert np.abs(drawn[:, 1] + 0.01).max() < 0.05  # a column of scale 0.001
    assert np.array_equal(drawn, model.sample(50, random_state=1))
    assert not np.array_equal(drawn, model.sample(50, random_state=2))
    assert np.array_equal(drawn, gan().fit(POINTS.tolist()).sample(50, random_state=1))
    folder = model.run_.path
    del model
    assert not folder.exists()  # a temporary run goes with its estimator


def test_fit_again_starts_anew(cheap: None) -> None:
    model = gan().fit(POINTS)
    model.fit(np.column_stack([POINTS, POINTS[:, 0]]))
    assert model.n_features_in_ == 3 and model.sample(4).shape == (4, 3)


def test_images_with_labels(cheap: None, tmp_path: Path) -> None:
    model = twoplayer.GAN(
        "gan1", steps=1, random_state=0, run=str(tmp_path / "run"), settings={**SMALL, "batch_size": 8}
    )
    model.fit(FACES, np.arange(40) % 4)
    assert model.n_features_in_ == 64
    assert model.sample(3).shape == (3, 8, 8) and model.sample(3).dtype == np.uint8  # as in X
    assert np.array_equal(model.sample(3, random_state=0), gray(model, FACES).sample(3, random_state=0)[..., 0])
    assert len(model.run_.data["classes"]) == 4 and (tmp_path / "run" / "config.yaml").is_file()
    revived = pickle.loads(pickle.dumps(model))
    assert np.array_equal(revived.sample(3, random_state=0), model.sample(3, random_state=0))


def gray(model: twoplayer.GAN, faces: np.ndarray) -> twoplayer.GAN:
    """The same model fitted to the same images with a channel axis."""
    return clone(model).set_params(run=None).fit(faces[..., None], np.arange(len(faces)) % 4)


def test_a_second_fit_replaces_the_run_of_the_first(cheap: None, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    model = twoplayer.GAN("gan1", steps=1, random_state=0, run=str(folder), settings=SMALL).fit(POINTS)
    model.fit(POINTS)  # scikit-learn's fit starts anew
    assert model.run_.status["images_seen"] == model.run_.config.batch_size
    model.set_params(steps=2, random_state=None).fit(POINTS[:, :1])
    assert model.run_.data["shape"] == [1] and model.sample(5).shape == (5, 1) and model.run_.status["step"] == 2
    with pytest.raises(UserError, match="no setting is called"):
        model.set_params(settings={"no_such": 1}).fit(POINTS)
    assert model.sample(5).shape == (5, 1)  # the earlier run is still there
    assert [p.name for p in tmp_path.iterdir()] == ["run"]
    stranger = twoplayer.GAN("wgan", steps=1, random_state=0, run=str(folder), settings=SMALL)
    with pytest.raises(UserError, match="trained with other settings"):  # not its own run
        stranger.fit(POINTS)


def test_columns_far_from_zero_keep_their_digits(cheap: None) -> None:
    when = np.column_stack([RANDOM.normal(1.7e9, 30, 200), RANDOM.normal(0, 1, 200)])
    model = gan().fit(when)
    assert model.run_.data["scale"][0] == pytest.approx(30, rel=0.3)
    drawn = model.sample(100, random_state=0)
    assert drawn.dtype == np.float64 and len(np.unique(drawn[:, 0])) > 80  # float32 has steps of 128
    assert np.abs(drawn[:, 0] - 1.7e9).max() < 3e3
    saved = Samples(drawn).save(model.run_.path / "drawn.csv")
    assert np.array_equal(np.loadtxt(saved, delimiter=","), drawn)


def test_data_frames_give_their_names(cheap: None) -> None:
    pandas = pytest.importorskip("pandas")
    model = gan().fit(pandas.DataFrame(POINTS, columns=["a", "b"]))
    assert list(model.feature_names_in_) == ["a", "b"]


@pytest.mark.parametrize(
    ("points", "complaint"),
    [
        (np.full((20, 2), np.nan), "NaN"),
        (np.zeros(5), "2D array"),
        (np.zeros((2, 2)), "minimum of 4"),
        ([["a", "b"]] * 6, "could not convert"),
    ],
)
def test_what_is_no_such_array(points: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        gan().fit(points)


def test_a_fitted_estimator_with_a_temporary_run_says_why_it_cannot_be_pickled(cheap: None) -> None:
    with pytest.raises(TypeError, match=r"give GAN\(run=FOLDER\)"):
        pickle.dumps(gan().fit(POINTS))
