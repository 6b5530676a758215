"""Measuring: anybody's samples against real data, in pieces, beside the held-out part, with every mistake told."""

from __future__ import annotations

import json
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import twoplayer
from _images import Made, blobs, labels
from twoplayer import extractors, measurement, metrics
from twoplayer.core.errors import UserError
from twoplayer.core.number_format import format_number
from twoplayer.evaluation.result import table
from twoplayer.extractors._base import Array, Extractor
from twoplayer.inference.open_samples import open_samples
from twoplayer.measurement import count_label, measure, parse_extractors, parse_metrics
from twoplayer.measurement.reference_features import with_log_probabilities
from twoplayer.metrics import MetricValue
from twoplayer.metrics._base import ReferenceFeatures
from twoplayer.metrics._frechet import moments
from twoplayer.metrics.fd import fd

TRAIN, HELD_OUT, SAMPLES = blobs(240), blobs(120, seed=1), blobs(120, seed=2)
LABELLED = Made(TRAIN, HELD_OUT, labels(TRAIN), labels(HELD_OUT), ("narrow", "wide"), key="")
PLAIN = replace(LABELLED, train_labels=None, held_out_labels=None)


@dataclass(frozen=True)
class Corners:
    """A density of four normal modes."""

    modes: Array | None
    mode_deviation: float | None = 0.1
    mode_weights: Array | None = None


CENTRES = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
SQUARE = Corners(CENTRES, mode_weights=np.full(4, 0.25))


def corners(count: int, seed: int) -> Array:
    random = np.random.default_rng(seed)
    return (CENTRES[random.integers(0, 4, count)] + 0.1 * random.normal(size=(count, 2))).astype(np.float32)


POINTS = Made(corners(400, 0), corners(300, 1), kind="points", density=SQUARE)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that several tests share, for training costs seconds."""
    return tmp_path_factory.mktemp("kept")


def values(measured: Any) -> dict[str, float]:
    return {f.name: f.value for f in measured.metric_values}


# ---- what is measured


def test_figures_are_those_of_the_metrics_on_what_the_extractor_sees(tmp_path: Path) -> None:
    """Against all training samples' moments, and as many of their features; beside, the same for held-out ones."""
    measured = measure(SAMPLES, PLAIN, extractor="pixels", metrics="fd,kid", cache=tmp_path)
    lens = extractors.create("pixels")
    see = {
        name: lens.extract(part).features for name, part in (("train", TRAIN), ("held", HELD_OUT), ("ours", SAMPLES))
    }
    distance, kernel = measured.metric_values
    assert (distance.name, kernel.name) == ("fd_pixels_120", "kid_pixels_120")
    expected, real = (fd(see[name], moments(see["train"])) for name in ("ours", "held"))
    assert (distance.value, distance.real) == pytest.approx((expected.value, real.value), rel=1e-9)
    assert (distance.error, distance.real_error) == pytest.approx((expected.error, real.error), rel=1e-6)
    assert distance.real_count == kernel.real_count == measured.count == 120
    assert distance.higher_is_better is False and kernel.error is not None and kernel.real_error is not None


def test_labelled_images_are_looked_at_by_their_own_classifier(kept: Path) -> None:
    measured = measure(SAMPLES, LABELLED, cache=kept)
    names = {f.name for f in measured.metric_values}
    wanted = {"fd", "kid", "precision", "recall", "density", "coverage", "inception_score", "diversity_score", "vendi"}
    assert {f"{name}_classifier_120" for name in wanted} <= names
    assert all(f.real is not None for f in measured.metric_values)
    assert any("labels" in note and "%" in note for note in measured.notes)  # the classifier's test accuracy
    assert any("Published values are for 10,000 samples (" in note for note in measured.notes)
    assert any("can take minutes: wasserstein." in note for note in measured.notes)
    assert not any(name.startswith("wasserstein") for name in names)
    copied = values(measure(TRAIN[:120], LABELLED, cache=kept, metrics="authenticity"))
    assert copied["authenticity_classifier_120"] < values(measured)["authenticity_classifier_120"]


def test_images_without_labels_are_looked_at_by_random_conv(tmp_path: Path) -> None:
    measured = measure(SAMPLES, PLAIN, metrics="fid", cache=tmp_path)
    assert list(values(measured)) == ["fd_random_conv_120"]
    assert any("untrained" in note for note in measured.notes)
    by_default = measure(SAMPLES, PLAIN, cache=tmp_path)
    assert by_default.notes[0] == "made has no labels to train a classifier on: features are those of random-conv."
    assert not any("inception" in name for name in values(by_default))


def test_points_are_looked_at_by_their_modes_and_coordinates() -> None:
    measured = measure(np.zeros((250, 2), np.float32), POINTS)
    figures = {f.name: f for f in measured.metric_values}
    assert {"modes_covered_250", "high_quality_share_250", "mode_kl_250", "fd_points_250"} <= set(figures)
    covered = figures["modes_covered_250"]
    assert (covered.value, covered.real, covered.real_count, covered.higher_is_better) == (1, 4, 250, True)
    share = figures["high_quality_share_250"]
    assert share.value == 1 and share.real_error is not None and 0 < share.real_error < 0.05
    without = measure(corners(50, 2), replace(POINTS, density=Corners(None, None)))
    assert "fd_points_50" in values(without) and "modes_covered_50" not in values(without)


def test_several_extractors_look_once_at_each_piece(tmp_path: Path) -> None:
    lens = extractors.create("random-conv", seed=3)
    measured = measure(
        iter([SAMPLES[:50], SAMPLES[50:]]), PLAIN, extractor=["pixels", lens], metrics="fd", cache=tmp_path
    )
    assert list(values(measured)) == ["fd_pixels_120", "fd_random_conv_3_120"]
    assert measured.extractors[1] is lens


def test_the_real_figure_of_copies_holds_half_of_the_held_out_data_against_the_other() -> None:
    """All against themselves they would be exactly alike."""
    tested = measure(SAMPLES, PLAIN, extractor="pixels", metrics="ct")
    figure = tested.metric_values[0]
    assert figure.name == "memorization_test_pixels_120" and figure.real_count == 60
    assert figure.real is not None and 0 < abs(figure.real) < 4
    assert any("memorization-test take one half of the held-out data as samples" in n for n in tested.notes)
    copies = measure(TRAIN[:120], PLAIN, extractor="pixels", metrics="ct").metric_values[0]
    assert copies.value < -5


def test_fewer_held_out_samples_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    few = replace(PLAIN, held_out=HELD_OUT[:30])
    measured = measure(SAMPLES, few, extractor="pixels", metrics="fd")
    assert measured.metric_values[0].real_count == 30
    assert any(
        note.startswith("Only 30 real samples are held out: values of real data are for no more")
        for note in measured.notes
    )
    monkeypatch.setattr("twoplayer.measurement.reference_features.MAX_HELD_OUT_SAMPLES", 20)
    some = measure(SAMPLES, few, extractor="pixels", metrics="fd")
    assert some.metric_values[0].real_count == 20
    assert any(note.startswith("Only 20 of the 30 held-out real samples are used:") for note in some.notes)
    infinite = measure(SAMPLES, few, extractor="pixels", metrics="fd-infinity")
    assert infinite.metric_values[0].real is None
    assert any(
        "of the real data is missing: it needs at least 100 held-out samples, and there are 20." in note
        for note in infinite.notes
    )
    none = measure(SAMPLES, replace(PLAIN, held_out=HELD_OUT[:0]), extractor="pixels", metrics="fd")
    assert none.metric_values[0].real is None and any("no held-out data" in note for note in none.notes)


def test_what_is_not_named_and_cannot_be_measured_is_told(tmp_path: Path) -> None:
    measured = measure(SAMPLES[:20], PLAIN, extractor="pixels")
    assert "fd-infinity is left out: it needs at least 100 samples." in measured.notes
    assert "fd_pixels_20" in values(measured)
    with pytest.raises(UserError, match="fd-infinity needs at least 100 samples, and there are 20: give more"):
        measure(SAMPLES[:20], PLAIN, extractor="pixels", metrics="fd,fid-infinity")


def test_training_measures_only_what_is_cheap(kept: Path) -> None:
    quick = measure(SAMPLES, LABELLED, in_training=True, cache=kept)
    assert set(values(quick)) == {f"{m}_classifier_120" for m in ("inception_score", "diversity_score", "fd")}
    assert len(quick.notes) == 1
    points = measure(corners(100, 2), POINTS, in_training=True)
    assert set(values(points)) == {"modes_covered_100", "high_quality_share_100", "mode_kl_100"}
    for data, samples, note in (
        (PLAIN, SAMPLES, measurement.NOTE_NO_LABELS),
        (replace(POINTS, density=None), corners(9, 2), measurement.NOTE_NO_MODES),
    ):
        nothing = measure(samples, data, in_training=True, cache=kept)
        assert (nothing.metric_values, nothing.notes) == ((), (note,))


# ---- nothing depends on how samples come


@pytest.mark.parametrize("extractor", ["classifier", "random-conv", "pixels"])
def test_figures_depend_on_neither_pieces_nor_order(extractor: str, kept: Path, tmp_path: Path) -> None:
    choice = {"extractor": extractor, "metrics": "fd,kid,prdc,vendi", "cache": kept}
    whole = values(measure(SAMPLES, LABELLED, **choice))
    order = np.random.default_rng(0).permutation(120)
    for pieces in (7, 64):
        parts = (SAMPLES[order[i : i + pieces]] for i in range(0, 120, pieces))
        assert values(measure(parts, LABELLED, **choice)) == pytest.approx(whole, rel=1e-6)
    np.save(tmp_path / "samples.npy", SAMPLES)
    assert values(measure(np.load(tmp_path / "samples.npy", mmap_mode="r"), LABELLED, **choice)) == whole


def test_samples_are_not_kept() -> None:
    alive: list[weakref.ref[Array]] = []
    most = 0

    def pieces() -> Iterator[Array]:
        nonlocal most
        for number in range(40):
            piece = np.random.default_rng(number).integers(0, 256, (128, 64, 64, 3), np.uint8)
            alive.append(weakref.ref(piece))
            yield piece
            del piece
            most = max(most, sum(ref() is not None for ref in alive))

    big = replace(PLAIN, train=blobs(20, 64, 3), held_out=blobs(20, 64, 3, seed=1))
    small = extractors.create("pixels", side=4)
    assert measure(pieces(), big, extractor=small, metrics="fd").count == 5120
    assert most <= 20  # a piece of 2,048 images waits until it is full


# ---- the cache


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many samples an extractor was shown, call by call."""
    log: list[int] = []
    real = Extractor.extract

    def counted(self: Extractor, samples: Array) -> Any:
        log.append(len(samples))
        return real(self, samples)

    monkeypatch.setattr(Extractor, "extract", counted)
    return log


def test_real_data_are_looked_at_once(tmp_path: Path, looked_at: list[int]) -> None:
    first = measure(SAMPLES, PLAIN, metrics="fd,kid", cache=tmp_path)
    assert looked_at == [120, 240, 120]
    assert measure(SAMPLES, PLAIN, metrics="fd,kid", cache=tmp_path) == first
    assert looked_at == [120, 240, 120, 120]
    assert len(list((tmp_path / "features").iterdir())) == 2
    measure(SAMPLES, replace(PLAIN, train=TRAIN[::-1]), metrics="fd", cache=tmp_path)  # other content
    measure(SAMPLES, PLAIN, extractor=extractors.create("random-conv", seed=1), metrics="fd", cache=tmp_path)
    assert looked_at[4:] == [120, 240, 120] * 2
    assert len(list((tmp_path / "features").iterdir())) == 6


@pytest.mark.parametrize("damage", ["cut", "flipped", "no facts", "of another key"])
def test_a_damaged_reference_is_made_anew(damage: str, tmp_path: Path, looked_at: list[int]) -> None:
    first = measure(SAMPLES, PLAIN, metrics="fd", cache=tmp_path)
    facts, arrays = sorted((tmp_path / "features").iterdir())
    whole = arrays.read_bytes()
    match damage:
        case "cut":
            arrays.write_bytes(whole[: len(whole) // 2])
        case "flipped":
            arrays.write_bytes(whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:])
        case "no facts":
            facts.unlink()
        case "of another key":
            facts.write_text(json.dumps({**json.loads(facts.read_text()), "key": "0123"}))
    said: list[str] = []
    assert measure(SAMPLES, PLAIN, metrics="fd", cache=tmp_path, progress=said.append) == first
    assert looked_at == [120, 240, 120] * 2
    assert f"the cached features of made in {tmp_path / 'features'} are damaged and computed again" in said
    measure(SAMPLES, PLAIN, metrics="fd", cache=tmp_path, progress=said.append)
    assert len(looked_at) == 7 and sum("damaged" in line for line in said) == 1


def test_a_cache_that_cannot_be_written_costs_a_warning(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.warns(UserWarning, match=r"cannot keep the features of the real data .*TWOPLAYER_CACHE"):
        measure(SAMPLES, PLAIN, metrics="fd", cache=tmp_path / "file")


def test_kept_moments_are_those_of_all_features(tmp_path: Path) -> None:
    """With more samples than features they are kept, with fewer their root is made of the features."""
    many = replace(PLAIN, train=blobs(600, 6))
    for data in (many, replace(many, train=many.train[:100])):
        samples = blobs(80, 6, seed=3)
        once, again = (measure(samples, data, metrics="fd", cache=tmp_path) for _ in range(2))
        seen = [extractors.create("random-conv").extract(part).features for part in (samples, data.train)]
        assert once == again and once.metric_values[0].value == pytest.approx(fd(seen[0], seen[1]).value, rel=1e-9)


def test_log_probabilities_sum_to_one() -> None:
    from twoplayer.extractors._base import Features

    logits = np.random.default_rng(0).normal(0, 30, (9000, 5)).astype(np.float32)
    logs = with_log_probabilities(Features(np.zeros((9000, 1), np.float32), logits)).logs
    assert np.exp(logs).sum(1) == pytest.approx(np.ones(9000))
    assert logs.argmax(1).tolist() == logits.argmax(1).tolist()
    assert ReferenceFeatures(
        with_log_probabilities(Features(np.zeros((9000, 1)), logits))
    ).class_probabilities.sum() == pytest.approx(1)


# ---- names


def test_names_aliases_groups_and_options() -> None:
    assert [str(n) for n in parse_metrics("fid, PRDC") or []] == ["fd", "precision", "recall", "density", "coverage"]
    assert [str(n) for n in parse_metrics(["kid:subsets=5:subset_size=20", "kid"]) or []] == [
        "kid:subsets=5:subset_size=20", "kid",
    ]  # fmt: skip
    assert parse_metrics(None) is None and parse_extractors(None) is None
    assert all(member in metrics.names() for members in measurement.METRIC_ALIASES.values() for member in members)
    found = measure(SAMPLES, PLAIN, extractor="pixels:side=6", metrics="kid:subsets=5:subset_size=20,kid")
    assert list(values(found)) == ["kid_subsets_5_subset_size_20_pixels_6_120", "kid_pixels_6_120"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"metrics": "fidd"}, ["no metric is called 'fidd': did you mean fid?"]),
        ({"metrics": "kid,presicion,prcd"}, ["did you mean precision?", "did you mean prdc?"]),
        ({"metrics": "fd", "extractor": "incepton"}, ["no extractor is called 'incepton': did you mean inception?"]),
        ({"metrics": ""}, ["no metric is named"]),
        ({"metrics": "kid:subset=3"}, ["kid has no option 'subset=3' (an option is written NAME=VALUE): did you mean"]),
        ({"metrics": "kid:subsets=many"}, ["subsets must be a valid integer"]),
        ({"metrics": "fd:splits=3"}, ["fd has no option 'splits=3'", "write its name alone"]),
        ({"metrics": "is,modes", "extractor": "pixels"}, ["inception-score needs an extractor with classes",
                                                          "modes-covered needs points", "mode-kl needs"]),
        ({"extractor": "points"}, ["points takes points, and made holds images"]),
        ({"extractor": "classifier"}, ["the classifier needs images with labels of two classes or more"]),
        ({"metrics": "stacked-kl"}, ["stacked-kl needs stacked digits"]),
    ],
)  # fmt: skip
def test_mistakes_are_told_all_at_once(given: dict[str, str], said: list[str]) -> None:
    with pytest.raises(UserError) as error:
        measure(SAMPLES, PLAIN, **given)
    for part in said:
        assert part in str(error.value)


# ---- bad samples


@pytest.mark.parametrize(
    ("samples", "data", "said"),
    [
        (SAMPLES[:1], PLAIN, "1 samples cannot be measured: give at least 2"),
        (iter([SAMPLES[:1]]), PLAIN, "1 samples cannot be measured: give at least 2"),
        (SAMPLES / 127.5 - 1, PLAIN, "float64, not uint8: scale them to [0, 255] and round"),
        (SAMPLES[:, :8], PLAIN, "samples of shape (8, 12, 1) do not fit: give samples of shape (12, 12, 1)"),
        (iter([SAMPLES, SAMPLES[:, :8]]), PLAIN, "samples of shape (8, 12, 1) do not fit"),
        (np.zeros((10, 3)), POINTS, "samples of shape (3,) do not fit"),
        (np.array([[0.0, np.nan], [0, 1], [np.inf, 1]]), POINTS, "2 of the 3 points are not finite"),
    ],
)
def test_samples_that_do_not_fit_are_refused(samples: Any, data: Made, said: str) -> None:
    with pytest.raises(UserError) as error:
        measure(samples, data)
    assert said in str(error.value)


def test_points_that_are_not_finite_are_counted_where_training_measures() -> None:
    """There they are of low quality, not an error."""
    broken = np.full((100, 2), np.nan, np.float32)
    assert values(measure(broken, POINTS, in_training=True))["high_quality_share_100"] == 0


# ---- anybody's samples


def save(images: Array, folder: Path, mode: str | None = None) -> Path:
    """A folder of PNGs."""
    folder.mkdir(parents=True)
    for number, pixels in enumerate(images):
        picture = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
        (picture.convert(mode) if mode else picture).save(folder / f"{number:04}.png")
    return folder


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TWOPLAYER_CACHE", str(tmp_path / "cache"))
    return save(TRAIN, tmp_path / "photos")


PIXELS: dict[str, Any] = {"extractor": "pixels", "metrics": "fd", "device": "cpu"}


def test_folders_arrays_and_pieces_are_the_same_samples(photos: Path, tmp_path: Path) -> None:
    out = save(SAMPLES, tmp_path / "out")
    np.savez(tmp_path / "out.npz", images=SAMPLES)
    found = twoplayer.evaluate(out, photos, **PIXELS)
    assert (found.samples, found.source, found.reference, found.run) == (120, "out", "photos", None)
    assert found.metric_values[0].real_count == 24  # a tenth of the reference is held out
    for same in (tmp_path / "out.npz", SAMPLES, twoplayer.Samples(SAMPLES), iter([SAMPLES[:9], SAMPLES[9:]])):
        assert twoplayer.evaluate(same, photos, **PIXELS)["fd_pixels"] == pytest.approx(found["fd_pixels"], rel=1e-9)
    floats = twoplayer.evaluate(SAMPLES.astype(np.float32) / 255, photos, **PIXELS)
    assert floats["fd_pixels_120"] == pytest.approx(found["fd_pixels_120"], rel=1e-9)


def test_what_is_held_out_can_be_chosen(photos: Path, tmp_path: Path) -> None:
    more = save(HELD_OUT, tmp_path / "more")
    whole = twoplayer.evaluate(SAMPLES, photos, held_out=more, **PIXELS).metric_values[0]
    direct = measure(SAMPLES, PLAIN, extractor="pixels", metrics="fd").metric_values[0]
    assert (whole.value, whole.real, whole.real_count) == pytest.approx((direct.value, direct.real, 120), rel=1e-9)
    none = twoplayer.evaluate(SAMPLES, photos, held_out="0", **PIXELS).metric_values[0]
    assert none.real is None and none.value == pytest.approx(direct.value, rel=1e-9)
    assert twoplayer.evaluate(SAMPLES, photos, held_out=0.5, **PIXELS).metric_values[0].real_count == 120


def test_images_keep_their_own_size_unless_one_is_given(photos: Path, tmp_path: Path) -> None:
    """Training shrinks folders to 64 pixels and enlarges small ones; measuring must not."""
    large = save(blobs(30, 70, seed=5), tmp_path / "large")
    assert open_samples(large).shape == (70, 70, 1) and open_samples(photos).shape == (12, 12, 1)
    with pytest.raises(UserError, match="of large have 70x70 pixels, those of photos 12x12: give the resolution"):
        twoplayer.evaluate(large, photos, **PIXELS)
    brought = twoplayer.evaluate(large, photos, resolution=12, **PIXELS)
    assert any("30 images of large are cropped" in note and "from 70x70 to 12x12" in note for note in brought.notes)
    assert not any("of photos" in note for note in brought.notes)


def test_several_sizes_are_refused_or_told(photos: Path, tmp_path: Path) -> None:
    mixed = save(blobs(20), tmp_path / "mixed")
    Image.new("L", (30, 20)).save(mixed / "other.png")
    with pytest.raises(UserError, match=r"the images of mixed have 2 sizes \(20 of 12x12, 1 of 30x20\): give a resol"):
        twoplayer.evaluate(mixed, photos, **PIXELS)
    with pytest.raises(UserError, match="the images of mixed have 2 sizes"):
        twoplayer.evaluate(SAMPLES, mixed, **PIXELS)
    found = twoplayer.evaluate(mixed, photos, resolution=12, **PIXELS)
    assert any("1 images of mixed are cropped to centred squares and resized from 30x20" in n for n in found.notes)
    wide = save(blobs(20)[:, :9], tmp_path / "wide")
    assert "20 images of wide are cropped from 12x9 to centred squares of 9x9." in open_samples(wide).notes


def test_pictures_of_a_camera_held_upright_have_their_upright_size(tmp_path: Path) -> None:
    (tmp_path / "camera").mkdir()
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    Image.new("RGB", (40, 20)).save(tmp_path / "camera" / "a.jpg", exif=exif)
    assert open_samples(tmp_path / "camera").notes == [
        "1 images of camera are cropped from 20x40 to centred squares of 20x20."
    ]


def test_gray_images_that_are_stored_in_colour_are_gray(photos: Path, tmp_path: Path) -> None:
    gray = twoplayer.evaluate(save(SAMPLES, tmp_path / "gray"), photos, **PIXELS)
    stored = twoplayer.evaluate(save(SAMPLES, tmp_path / "stored", "RGB"), photos, **PIXELS)
    assert stored["fd_pixels"] == gray["fd_pixels"] and any("are gray, as those of photos" in n for n in stored.notes)
    colourful = save(blobs(30, 12, 3, seed=4), tmp_path / "colourful")
    with pytest.raises(UserError, match="colourful has colours, and photos is gray"):
        twoplayer.evaluate(colourful, photos, **PIXELS)
    against = twoplayer.evaluate(SAMPLES, colourful, **PIXELS)
    assert any("are gray and are compared with colourful in colour" in note for note in against.notes)


def test_unreadable_files_are_told_and_too_many_refused(photos: Path, tmp_path: Path) -> None:
    out = save(SAMPLES, tmp_path / "out")
    (out / "bad.png").write_bytes(b"no picture")
    found = twoplayer.evaluate(out, photos, **PIXELS)
    assert found.samples == 120
    assert "1 images of out cannot be read, such as bad.png (not an image)." in found.notes
    (out / "worse.png").write_bytes(b"no picture")
    with pytest.raises(UserError, match="2 of the 122 images of out cannot be read"):
        twoplayer.evaluate(out, photos, **PIXELS)
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "a.png").write_bytes(b"")
    with pytest.raises(UserError, match="none of the 1 images of broken can be read"):
        twoplayer.evaluate(broken, photos, **PIXELS)


def test_some_of_many_samples(photos: Path) -> None:
    found = twoplayer.evaluate(SAMPLES, photos, n=50, **PIXELS)
    assert found.samples == 50 and "50 of the 120 samples of array, taken at random." in found.notes
    assert found == twoplayer.evaluate(SAMPLES, photos, n=50, **PIXELS)
    assert found["fd_pixels"] != twoplayer.evaluate(SAMPLES, photos, n=50, seed=1, **PIXELS)["fd_pixels"]
    assert twoplayer.evaluate(SAMPLES, photos, n=5000, **PIXELS).samples == 120
    for n, samples, said in ((1, SAMPLES, "at least 2"), (9, iter([SAMPLES]), "cannot be taken at random of an iter")):
        with pytest.raises(UserError, match=said):
            twoplayer.evaluate(samples, photos, n=n, **PIXELS)


@pytest.mark.parametrize(
    ("samples", "said"),
    [
        (np.full((5, 12, 12, 1), np.nan), "array has pixels that are not numbers (NaN)"),
        (np.array([[0.0, np.nan], [1, 2]]), "1 of the 2 points of array are not finite"),
        (corners(9, 0), "array holds points and photos images"),
        ("nothing", "no data source and no path is called 'nothing'"),
        (iter([]), "the iterable ends before its first array"),
        (iter([SAMPLES, SAMPLES[:, :8]]), "the samples differ in shape: (12, 12, 1) in the first piece"),
        (iter([SAMPLES / 255]), "images in pieces must be uint8"),
        (iter([SAMPLES.transpose(0, 3, 1, 2)]), "put the channels last"),
        (iter([np.zeros(3)]), "pieces must be images (B, H, W, C) or points (B, D)"),
        (iter(["text"]), "pieces must be images"),
        (3, "data must be a name, a path, an array, a torch or a Hugging Face dataset, not int"),
    ],
)
def test_samples_that_are_none_are_refused(samples: Any, said: str, photos: Path) -> None:
    with pytest.raises(UserError) as error:
        twoplayer.evaluate(samples, photos, **PIXELS)
    assert said in str(error.value) and len(str(error.value).splitlines()) == 1


def test_all_mistakes_of_a_call_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError) as error:
        twoplayer.evaluate("nothing", tmp_path / "empty", extractor="incepton", metrics="fidd,kid")
    said = str(error.value).splitlines()
    assert len(said) == 4
    for part in ("did you mean fid?", "did you mean inception?", "holds no images", "called 'nothing'"):
        assert any(part in line for line in said)


def test_held_out_data_of_another_kind_are_refused(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"the held-out data array have the shape \(2,\) and photos has \(12, 12, 1\)"):
        twoplayer.evaluate(SAMPLES, photos, held_out=corners(9, 0), **PIXELS)


def test_a_share_of_what_is_divided_already_is_refused(photos: Path) -> None:
    """It would be ignored in silence."""
    from twoplayer import data
    from twoplayer.data._base import DataSettings

    for reference in ("ring", data.load("ring", DataSettings(), count=300)):
        with pytest.raises(UserError, match="ring has a held-out part of its own: leave held_out out"):
            twoplayer.evaluate(corners(60, 3), reference, held_out=0.3, metrics="fd", device="cpu")
    rows = [f"{number:04}.png,{'test' if number > 200 else 'train'}" for number in range(len(TRAIN))]
    (photos / "split.csv").write_text("\n".join(["file,split", *rows]))
    with pytest.raises(UserError, match="photos has a held-out part of its own"):
        twoplayer.evaluate(SAMPLES, photos, held_out="0.3", **PIXELS)
    assert twoplayer.evaluate(SAMPLES, photos, **PIXELS).metric_values[0].real_count == 39


def test_class_folders_are_labels_of_either_part(tmp_path: Path) -> None:
    for part, images in (("train", TRAIN), ("test", HELD_OUT)):
        for name, chosen in (("narrow", 0), ("wide", 1)):
            save(images[labels(images) == chosen], tmp_path / part / name)
    found = twoplayer.evaluate(
        SAMPLES, tmp_path / "train", held_out=tmp_path / "test", metrics="is", device="cpu", cache=tmp_path / "cache"
    )
    assert [f.name for f in found.metric_values] == ["inception_score_classifier_120"]
    assert any("of the held-out images correctly" in note for note in found.notes)


def test_points_against_points(tmp_path: Path) -> None:
    np.savetxt(tmp_path / "ours.csv", corners(150, 3), delimiter=",")
    found = twoplayer.evaluate(tmp_path / "ours.csv", corners(400, 4), metrics="fd,sliced-wasserstein", device="cpu")
    assert {f.name for f in found.metric_values} == {"fd_points_150", "sliced_wasserstein_points_150"}
    named = twoplayer.evaluate(np.zeros((60, 2)), "ring", metrics="modes,fd", device="cpu")
    assert named["modes_covered"] == 0 and named["fd_points"] > 0
    with pytest.raises(UserError, match="the points of array have 3 coordinates, those of ring 2"):
        twoplayer.evaluate(np.zeros((60, 3)), "ring", device="cpu")


def test_a_run_against_other_data(tiny: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    run = tiny("gan1", "ring", steps=1)
    monkeypatch.undo()  # the real figures
    assert open_samples(run, n=70).shape == (2,) and open_samples(run).count == 2_500
    for samples in (run, run.path):
        found = twoplayer.evaluate(samples, corners(300, 1), n=70, metrics="fd", device="cpu")
        assert (found.samples, found.metric_values[0].name) == (70, "fd_points_70")


# ---- what people read


def test_values_are_shown_to_the_digits_that_their_errors_leave() -> None:
    def ascii(value: float | None, error: float | None) -> str:
        return format_number(value, error, ascii=True)

    assert format_number(1.91647, 0.0213) == ascii(1.91647, 0.0213) == "1.916 ± 0.021"
    assert ascii(8.2, 0.0) == "8.2" and ascii(None, None) == "-" and ascii(float("inf"), 1.0) == "inf"
    assert ascii(123456.7, 2345.6) == "123,500 ± 2,300" and ascii(1e6, None) == "1,000,000"
    assert ascii(1.5e-9, 2e-11) == "1.5e-09 ± 2e-11" and format_number(-1e-5) == "−1e−05"
    assert [count_label(n) for n in (10_000, 2_000, 2_500, 500, 0)] == ["10k", "2k", "2500", "500", "0"]


def test_the_table_has_the_real_data_beside_each_figure() -> None:
    figures = [
        MetricValue("fd_classifier_10k", 4.8312, False, 0.0119, 10_000, 0.052, 0.0004),
        MetricValue("memorization_test_pixels_10k", -0.4, None, 0.1, 5_000, 1.0, 1.0),
        MetricValue("modes_covered_2500", 8, True),
    ]
    head, *rows = table(figures)
    assert head.split() == ["value", "held-out", "real", "data", "better"]
    assert rows[0].split()[1:] == ["4.831", "±", "0.052", "0.01190", "±", "0.00040", "(10,000)", "lower"]
    assert rows[1].endswith("(5,000)  like real") and rows[2].split() == ["modes_covered_2500", "8", "-", "higher"]
    assert table(figures[:1])[0].split()[1:5] == ["held-out", "real", "data", "(10,000)"]


# ---- the command line


@pytest.fixture
def cli(photos: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[[str], Any]:
    """Run a command beside the photos: exit code, standard output, standard error."""
    from twoplayer.cli import main

    monkeypatch.chdir(photos.parent)
    monkeypatch.setattr("warnings.showwarning", None)

    def call(command: str) -> tuple[int, str, str]:
        capfd.readouterr()
        code = main.run(command.split())
        return code, *capfd.readouterr()

    return call


def test_evaluate_samples_from_the_command_line(cli: Callable[[str], Any], tmp_path: Path) -> None:
    save(SAMPLES, tmp_path / "out")
    line = "evaluate --samples out --reference photos --extractor pixels --metrics fid --metrics prdc --device cpu"
    code, out, _ = cli(line)
    assert code == 0 and out.startswith("out: 120 samples against photos\n")
    for name in ("fd", "precision", "recall", "density", "coverage"):
        assert f"  {name}_pixels_120 " in out
    assert " ± " in out and "lower" in out and "held-out real data (24)" in out
    code, out, err = cli(f"{line} --json --n 60 --held-out 0.25")
    document = json.loads(out)
    assert (code, err) == (0, "") and document["samples"] == 60 and document["reference"] == "photos"
    assert {"name", "value", "error", "real", "real_error", "real_count"} <= document["metric_values"][0].keys()
    assert document["metric_values"][0]["real_count"] == 60 and "run" not in document
    code, _, err = cli("evaluate --samples out --reference photos --metrics fid")
    assert code == 0 and "features of real data" in err  # random-conv shows how far it is


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("evaluate", "say what to measure: a run folder RUN, or --samples and the --reference"),
        ("evaluate --samples out", "say what to measure"),
        ("evaluate photos --reference photos", "leave --reference out, or give --samples photos"),
        ("evaluate photos", "photos is not a run folder"),
        ("evaluate --samples photos --reference photos --refine 2", "refine is for runs"),
        ("evaluate --samples photos --reference photos --resolution 0", "--resolution"),
        ("evaluate --samples photos --reference photos --metrics fidd", "did you mean fid?"),
        ("evaluate --samples empty --reference photos", "the folder empty holds no images"),
        (
            "evaluate --samples photos --reference photos --held-out 1.5",
            "held-out share must be at least 0 and below 1",
        ),
        ("evaluate --samples photos --reference photos --device tpu", "no device is called 'tpu'"),
        ("evaluate --samples photos --reference photos --extractor classifier", "labels of two classes or more"),
    ],
)
def test_mistakes_on_the_command_line_are_one_sentence(
    command: str, said: str, cli: Callable[[str], Any], tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    code, out, err = cli(command)
    assert (code, out) == (2, "") and said in err and len(err.splitlines()) == 1
