"""Translation and text runs as a user makes them: trained, killed and resumed, shared, sampled, measured, reported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import twoplayer
from _children import alone_and_killed, random_moments, two_processes
from _picture_folders import captioned, two_sides
from _toys import assert_same_state, state, tensors, unmeasured
from twoplayer.api.run import Run
from twoplayer.cli.main import run as cli
from twoplayer.core.errors import UserError
from twoplayer.inference.translate import translate, translate_files, translation_errors
from twoplayer.text_encoders import _contrastive as _towers
from twoplayer.text_encoders._contrastive_encoder import ContrastiveTextEncoder

SMALL = {"resolution": 16, "batch_size": 4, "filters": 4, "tensorboard": False, "log_every": 1, "device": "cpu"}
CASES: dict[str, dict[str, Any]] = {
    "pix2pix": {"method": "pix2pix", "data": "sides"},
    "pix2pix back": {"method": "pix2pix", "data": "sides", "direction": "BtoA", "generator.dropout": 0.0},
    "cyclegan": {
        "method": "cyclegan",
        "data": {"name": "pairs:sides", "paired": False},
        "depth": 1,
        "image_pool_size": 6,
    },
    "gan-cls": {"method": "gan-cls", "data": "captions", "condition_dim": 4, "text_embedding_dim": 8},
}
SHARED = {"precision": "fp32", "checkpoint_every": 2, "optimizer": {"name": "sgd", "learning_rate": 0.001}}
"""Plain gradients and small steps: the kinks of L1 losses behind instance normalization make much of a last bit."""


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both data sets, and the text encoder for one of them in the cache."""
    folder = tmp_path_factory.mktemp("pictures")
    two_sides(folder / "sides")
    captioned(folder / "captions")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_towers, "TRAINING_PAIRS", 1_000)
        train("gan-cls", folder, folder / "first", steps=1, evaluate_every=0)
    return folder


def train(case: str, folders: Path, run: Path, **more: Any) -> Run:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folders)
        return twoplayer.train(run=run, **{**SMALL, **CASES[case], **more})


@pytest.fixture(scope="module")
def runs(folders: Path) -> dict[str, Run]:
    with pytest.MonkeyPatch.context() as patch:
        unmeasured(patch.setattr)
        return {case: train(case, folders, folders / f"run {case}", steps=4) for case in CASES}


@pytest.mark.parametrize("case", CASES)
def test_a_run_ends_with_pictures_and_a_report(case: str, runs: dict[str, Run]) -> None:
    run = runs[case]
    assert run.status["state"] == "finished" and run.images_seen == 16
    assert (run.path / "samples" / "000000004.png").is_file() and (run.path / "report.html").is_file()
    assert run.sample(3).array.shape[1:] == (16, 16, 3)
    inputs = "latent vectors" if case == "gan-cls" else "images"
    assert f"Outputs of the generator for the same {inputs}." in (run.path / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("case", CASES)
def test_kills_at_random_moments_leave_no_trace(case: str, folders: Path, tmp_path: Path) -> None:
    settings = {**SMALL, **CASES[case], "checkpoint_every": 2, "evaluate_every": 3, "steps": 5}
    data = settings.pop("data")
    name = str(data["name"] if isinstance(data, dict) else data)
    path = name.replace("pairs:", f"pairs:{folders}/") if ":" in name else str(folders / name)
    flags = [x for k, v in settings.items() if k != "method" for x in (f"--{k.replace('_', '-')}", str(v))]
    flags += ["--data.paired", "false"] if isinstance(data, dict) else []
    command = ["train", settings["method"], "--data", path, "--run", "run", *flags]
    alone, killed, _ = alone_and_killed(command, tmp_path, random_moments(case, 3))
    assert_same_state(state(killed / "run"), state(alone / "run"))


def test_two_processes_make_a_whole(folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cases = {name: {**SMALL, **CASES[name], **SHARED, "steps": 2, "evaluate_every": 0} for name in CASES}
    for settings in cases.values():
        data = settings["data"]
        if isinstance(data, dict):
            settings["data"] = {**data, "name": f"pairs:{folders / 'sides'}"}
        else:
            settings["data"] = str(folders / data)
    (tmp_path / "cases.json").write_text(json.dumps(cases))
    two_processes(tmp_path, timeout=240)
    assert not (failed := [f.read_text() for f in tmp_path.glob("*.failed")]), failed[0]
    unmeasured(monkeypatch.setattr)
    for name, settings in cases.items():
        alone = twoplayer.train(run=tmp_path / f"alone {name}", **settings)
        mine, others = tensors(state(tmp_path / name)), tensors(state(alone.path))
        assert mine.keys() == others.keys()
        for key in others:
            assert torch.allclose(mine[key].double(), others[key].double(), rtol=1e-4, atol=2e-5), (name, key)


# ---- translation


def test_pictures_of_any_size_are_translated_whole(runs: dict[str, Run]) -> None:
    pictures = [np.full(size, 90, np.uint8) for size in ((16, 16, 3), (16, 16, 3), (33, 50, 3), (9, 8, 3))]
    for case, direction in (("pix2pix", None), ("cyclegan", "AtoB"), ("cyclegan", "BtoA"), ("pix2pix back", "BtoA")):
        made = translate(runs[case], pictures, direction=direction)
        assert [m.shape for m in made] == [p.shape for p in pictures] and made[0].dtype == np.uint8
        np.testing.assert_array_equal(made[0], made[1])
    there, back = (translate(runs["cyclegan"], pictures[:1], direction=d)[0] for d in ("AtoB", "BtoA"))
    assert not np.array_equal(there, back)


def test_files_and_folders_are_translated_by_their_names(
    runs: dict[str, Run], folders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = cli(["translate", str(runs["pix2pix"].path), str(folders / "sides" / "A"), "-o", str(tmp_path), "--json"])
    told = json.loads(capsys.readouterr().out)
    assert code == 0 and len(told["written"]) == 24
    with Image.open(tmp_path / "003.png") as made:
        assert made.size == (16, 16) and made.mode == "RGB"
    again = ["translate", str(runs["pix2pix"].path), str(folders / "sides" / "A" / "003.png"), "-o", str(tmp_path)]
    assert cli(again) == 2 and "003.png is there already: give another name, or --overwrite" in capsys.readouterr().err
    assert cli([*again, "--overwrite"]) == 0


@pytest.mark.parametrize(
    ("what", "words"),
    [
        (["nowhere.png"], "there is no nowhere.png"),
        (["empty"], "no images in empty"),
        (["sides/A/000.png", "sides/B/000.png"], "two images would be written to"),
        (["text.png"], "cannot read text.png"),
        (["sides/A", "thin.png"], "thin.png has 5 by 40 pixels: give images of at least 8 by 8"),
    ],
)
def test_what_cannot_be_translated(
    what: list[str], words: str, runs: dict[str, Run], folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folders)
    Path("empty").mkdir(exist_ok=True)
    Path("text.png").write_text("no picture")
    Image.new("RGB", (5, 40)).save("thin.png")
    with pytest.raises(UserError, match=words):
        translate_files(runs["pix2pix"], [Path(w) for w in what], Path("out"))
    assert not Path("out").exists()


def test_pictures_are_not_translated_over_themselves(runs: dict[str, Run], tmp_path: Path) -> None:
    Image.new("RGB", (16, 16)).save(tmp_path / "a.png")
    Image.new("RGB", (16, 16)).save(tmp_path / "b.jpg")
    before = (tmp_path / "a.png").read_bytes()
    with pytest.raises(UserError, match=r"written over .*a\.png, which is one of the inputs: give another folder"):
        translate_files(runs["pix2pix"], [tmp_path], tmp_path)
    assert (tmp_path / "a.png").read_bytes() == before and not (tmp_path / "b.png").exists()
    assert translate_files(runs["pix2pix"], [tmp_path / "b.jpg"], tmp_path) == [tmp_path / "b.png"]


def test_earlier_translations_and_hidden_pictures_are_not_translated(runs: dict[str, Run], tmp_path: Path) -> None:
    for name in ("a.png", "more/b.png", ".thumbs/c.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (16, 16)).save(tmp_path / name)
    output = tmp_path / "translated"
    for _ in range(2):
        written = translate_files(runs["pix2pix"], [tmp_path], output, overwrite=True)
        assert written == [output / "a.png", output / "more" / "b.png"]
    assert translate_files(runs["pix2pix"], [output], tmp_path / "twice") == [
        tmp_path / "twice" / "a.png", tmp_path / "twice" / "more" / "b.png"
    ]  # fmt: skip


def test_more_pictures_than_are_read_at_a_time(
    runs: dict[str, Run], folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = translate_files(runs["pix2pix"], [folders / "sides" / "A"], tmp_path / "whole")
    monkeypatch.setattr("twoplayer.inference.translate.IMAGES_IN_MEMORY", 5)
    parts = translate_files(runs["pix2pix"], [folders / "sides" / "A"], tmp_path / "parts")
    assert len(whole) == len(parts) == 24
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_allclose(np.asarray(Image.open(one), float), np.asarray(Image.open(other), float), atol=1)


def test_directions_that_a_run_does_not_have(runs: dict[str, Run]) -> None:
    picture = np.zeros((16, 16, 3), np.uint8)
    with pytest.raises(UserError, match="was trained for AtoB only"):
        translate(runs["pix2pix"], [picture], direction="BtoA")
    with pytest.raises(UserError, match="AtoB or BtoA"):
        translate(runs["cyclegan"], [picture], direction="up")
    with pytest.raises(UserError, match="does not translate images"):
        translate(runs["gan-cls"], [picture])
    with pytest.raises(UserError, match="takes colour images"):
        translate(runs["pix2pix"], [picture[..., :1]])
    with pytest.raises(UserError, match="at least 8 by 8"):
        translate(runs["pix2pix"], [picture[:4]])


def test_unpaired_data_are_refused_by_a_paired_game(folders: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not paired"):
        train("pix2pix", folders, tmp_path / "run", data={"name": "pairs:sides", "paired": False})
    with pytest.raises(UserError, match="turns images into images"):
        train("pix2pix", folders, tmp_path / "run", generator="dcgan", **{"generator.dropout": None})
    assert not (tmp_path / "run").exists()


def test_a_regression_learns_what_the_negative_is(folders: Path, tmp_path: Path) -> None:
    run = train(
        "pix2pix",
        folders,
        tmp_path / "run",
        steps=150,
        adversarial_weight=0.0,
        filters=8,
        evaluate_every=0,
        ema_decay=0.0,
    )
    given = np.stack([np.asarray(Image.open(p)) for p in sorted((folders / "sides" / "A").iterdir())])
    true = 255 - given[:, ::-1]
    made = translation_errors(np.stack(translate(run, list(given))), true)
    assert made.l1 < 0.5 * translation_errors(given, true).l1
    assert made.perceptual < translation_errors(given, true).perceptual


def test_nearness_is_nothing_for_the_same_and_grows_with_the_difference() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (5, 16, 16, 3), np.uint8)
    assert translation_errors(pictures, pictures) == type(translation_errors(pictures, pictures))(0.0, 0.0, 5)
    little, much = (np.clip(pictures.astype(int) + by, 0, 255).astype(np.uint8) for by in (4, 60))
    assert translation_errors(little, pictures).l1 < translation_errors(much, pictures).l1
    with pytest.raises(UserError, match="cannot be compared with targets"):
        translation_errors(pictures, pictures[:2])


def test_dropout_translates_in_other_ways_by_its_seed(
    runs: dict[str, Run], folders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures = [np.random.default_rng(n).integers(0, 256, (16, 16, 3), np.uint8) for n in range(3)]
    run = runs["pix2pix"]
    plain = translate(run, pictures)
    one, same, other = (np.stack(translate(run, pictures, dropout=seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, np.stack(plain)) and not np.array_equal(one, other)
    np.testing.assert_array_equal(one[1], translate(run, pictures[1:2], dropout=1)[0])  # whatever comes with it
    np.testing.assert_array_equal(plain, translate(run, pictures))  # and afterwards nothing is dropped
    for case in ("pix2pix back", "cyclegan"):
        with pytest.raises(UserError, match="has no dropout: leave dropout out"):
            translate(runs[case], pictures, dropout=1)
    command = ["translate", str(run.path), str(folders / "sides" / "A" / "003.png")]
    for folder, more, seed in (("plain", [], None), ("noisy", ["--dropout", "1"], 1)):
        capsys.readouterr()
        assert cli([*command, "-o", str(tmp_path / folder), "--json", *more]) == 0
        assert json.loads(capsys.readouterr().out)["dropout"] == seed
    made = [(tmp_path / folder / "003.png").read_bytes() for folder in ("plain", "noisy")]
    assert made[0] != made[1]


# ---- text


def test_a_text_decides_what_is_sampled(runs: dict[str, Run]) -> None:
    run = runs["gan-cls"]
    red, blue = run.sample(2, text="a red picture").array, run.sample(2, text="blue").array
    assert red.shape == (2, 16, 16, 3) and not np.array_equal(red, blue)
    np.testing.assert_array_equal(red, Run(run.path).sample(2, text="red, a picture!").array)


@pytest.mark.parametrize(
    ("wish", "words"), [({"text": "xyzzy"}, "none of the words"), ({"label": "cat"}, "knows no label")]
)
def test_wishes_that_a_text_game_does_not_understand(wish: dict[str, str], words: str, runs: dict[str, Run]) -> None:
    with pytest.raises(UserError, match=words):
        runs["gan-cls"].sample(2, **wish)  # type: ignore[arg-type]


def test_words_that_no_caption_has_are_passed_over_and_told(runs: dict[str, Run]) -> None:
    run = runs["gan-cls"]
    with pytest.warns(UserWarning, match="not known from the captions, and passed over: purple, zebra"):
        told = run.sample(2, text="a purple red zebra").array
    np.testing.assert_array_equal(told, run.sample(2, text="a red").array)


def test_a_text_run_goes_on_with_its_own_encoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cheap: None) -> None:
    """Where the cache has lost it, or another version of the library would learn another one."""
    monkeypatch.setattr(_towers, "TRAINING_PAIRS", 1_000)
    settings = {"data": str(captioned(tmp_path / "captions", 80)), "evaluate_every": 0}
    alone = train("gan-cls", tmp_path, tmp_path / "alone", steps=4, **settings)
    stopping = {**settings, "early_stopping": "critic"}
    run = train("gan-cls", tmp_path, tmp_path / "run", steps=2, **stopping)
    plain = train("gan-cls", tmp_path, tmp_path / "plain", steps=2, **settings)
    monkeypatch.setenv("TWOPLAYER_CACHE", str(tmp_path / "empty"))

    def refuse(*_: Any) -> None:
        raise AssertionError("learned again")

    monkeypatch.setattr(ContrastiveTextEncoder, "fit", refuse)
    with pytest.raises(AssertionError, match="learned again"):
        train("gan-cls", tmp_path, tmp_path / "another", steps=2, **settings)
    train("gan-cls", tmp_path, plain.path, steps=4, **settings)
    assert_same_state(state(plain.path), state(alone.path))
    assert train("gan-cls", tmp_path, run.path, steps=4, **stopping).status["step"] == 4


def test_conditioning_augmentation_is_a_setting_that_resumes(folders: Path, tmp_path: Path, cheap: None) -> None:
    settings = {"conditioning_augmentation": 1.0, "interpolate_texts": False, "evaluate_every": 0}
    whole = train("gan-cls", folders, tmp_path / "whole", steps=3, **settings)
    train("gan-cls", folders, tmp_path / "parts", steps=1, **settings)
    parts = train("gan-cls", folders, tmp_path / "parts", steps=3, **settings)
    assert_same_state(state(parts.path), state(whole.path))
    assert "conditioning_divergence" in parts.progress[-1]
    assert parts.sample(2, text="a red picture").array.shape == (2, 16, 16, 3)


def test_a_text_runs_critic_has_features(runs: dict[str, Run]) -> None:
    images = runs["gan-cls"].sample(3).array
    features = runs["gan-cls"].encode(images, by="critic")
    assert features.shape[0] == 3 and features.shape[1] > 3 and features.std(0).max() > 0
    with pytest.raises(UserError, match="has no features of whole samples"):
        runs["pix2pix"].encode(images, by="critic")


def test_text_needs_captions(folders: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has no captions"):
        train("gan-cls", folders, tmp_path / "run", data="digits")
    with pytest.raises(UserError, match="takes no model"):
        train("gan-cls", folders, tmp_path / "run", text_encoder_model="anything")


def test_the_generator_learns_to_paint_what_it_is_told(folders: Path, tmp_path: Path) -> None:
    quick = {
        "resolution": 8,
        "batch_size": 12,
        "filters": 16,
        "condition_dim": 8,
        "learning_rate": 2e-3,
        "ema_decay": 0.9,
    }
    run = train("gan-cls", folders, tmp_path / "run", steps=150, evaluate_every=0, **quick)
    red, blue = (run.sample(8, text=f"a {c} picture").array.mean((0, 1, 2)) for c in ("red", "blue"))
    assert red[0] - red[2] > 40 and blue[2] - blue[0] > 40
