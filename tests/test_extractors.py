"""Extractors: one contract for all, and what is each one's own."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from _images import Made, blobs
from twoplayer import extractors
from twoplayer.core.errors import UserError
from twoplayer.extractors._base import Array, Extractor, ExtractorContext
from twoplayer.extractors._transformer import resized
from twoplayer.extractors.random_conv import RandomConv
from twoplayer.testing import check_extractor

RANDOM = np.random.default_rng(0)


DIGITS = Made(blobs(90), blobs(40, seed=1), np.arange(90) % 3, np.arange(40) % 3)
POINTS = Made(RANDOM.normal([300.0, -0.01], [50.0, 0.001], (200, 2)), RANDOM.normal(size=(50, 2)), kind="points")


# ---- stand-ins for what cannot be installed or downloaded everywhere


class FakeInception(nn.Module):
    """torch-fidelity's network as its interface describes it: bytes in, a tuple of features and logits out."""

    def __init__(
        self, name: str, features_list: list[str], feature_extractor_weights_path: str | None = None, **_: Any
    ) -> None:
        super().__init__()
        assert (name, features_list) == ("inception-v3-compat", ["2048", "logits_unbiased"])
        self.fc = nn.Linear(2048, 1008)
        self.load_state_dict(torch.load(feature_extractor_weights_path, weights_only=True))
        self.seen: list[Tensor] = []

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        if x.dtype != torch.uint8 or x.dim() != 4 or x.shape[1] != 3:  # as torch-fidelity checks
            raise ValueError(f"expected bytes Bx3xHxW, not {x.dtype} {tuple(x.shape)}")
        self.seen.append(x)
        features = nn.functional.adaptive_avg_pool2d(x.float(), 26).flatten(1).repeat(1, 2)[:, :2048] / 255
        return features, features @ self.fc.weight.T


@pytest.fixture
def fidelity(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A torch-fidelity to import; the path of its weights."""
    package, module = (
        types.ModuleType("torch_fidelity"),
        types.ModuleType("torch_fidelity.feature_extractor_inceptionv3"),
    )
    module.FeatureExtractorInceptionV3 = FakeInception  # type: ignore[attr-defined]
    module.URL_INCEPTION_V3 = "http://localhost:9/weights-of-a-day-0123abcd.pth"  # type: ignore[attr-defined]
    package.feature_extractor_inceptionv3 = module  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch_fidelity", package)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    path = tmp_path / "weights.pth"
    torch.manual_seed(0)
    torch.save({f"fc.{name}": tensor for name, tensor in nn.Linear(2048, 1008).state_dict().items()}, path)
    return path


class FakeTransformer(nn.Module):
    """A vision transformer as transformers gives one."""

    def __init__(self, width: int) -> None:
        super().__init__()
        torch.manual_seed(width)
        self.patch = nn.Conv2d(3, width, 28, 28)
        self.config = types.SimpleNamespace(hidden_size=width, projection_dim=width)

    @classmethod
    def from_pretrained(cls, model: str) -> FakeTransformer:
        if "/" not in model:
            raise OSError(f"{model} is not a local folder.\nMany more lines")
        return cls(24)

    def forward(self, pixel_values: Tensor) -> Any:
        self.given = pixel_values
        embedded = self.patch(pixel_values).mean((2, 3))
        return types.SimpleNamespace(pooler_output=embedded, image_embeds=embedded)


@pytest.fixture
def transformers(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("transformers")
    module.Dinov2Model = module.CLIPVisionModelWithProjection = FakeTransformer  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "transformers", module)


@pytest.fixture
def make(fidelity: Path, transformers: None, tmp_path: Path) -> Callable[[str], Extractor]:
    """Any member, by its name."""

    def of(name: str) -> Extractor:
        options = {"inception": {"weights": fidelity}, "dinov2": {"side": 28}, "clip": {"side": 28}}.get(name, {})
        data = POINTS if name == "points" else DIGITS
        with torch.random.fork_rng():  # the stand-ins draw their weights from torch's global generator
            made: Extractor = extractors.create(name, data, ExtractorContext(cache=tmp_path), **options)
        return made

    return of


# ---- the contract

MEMBERS = [name for name in extractors.names() if name != "stacked-classifier"]  # which has data of its own


def test_every_member_states_what_it_is() -> None:
    assert {"classifier", "inception", "dinov2", "clip", "random-conv", "pixels", "points"} <= set(MEMBERS)
    for name in extractors.names():
        assert extractors.describe(name).summary


@pytest.mark.parametrize("name", MEMBERS)
def test_the_contract(name: str, make: Callable[[str], Extractor]) -> None:
    check_extractor(lambda data, context: make(name), data=POINTS if name == "points" else DIGITS)


@pytest.mark.parametrize("name", ["classifier", "random-conv", "pixels", "points"])
def test_making_one_leaves_the_global_generators_alone(name: str) -> None:
    check_extractor(name, data=POINTS if name == "points" else DIGITS)


def test_no_two_members_share_an_identity(make: Callable[[str], Extractor]) -> None:
    assert len({make(name).identity for name in MEMBERS}) == len(MEMBERS)


# ---- random-conv


def test_random_conv_is_the_same_each_time_and_another_by_another_seed() -> None:
    one, again, other = RandomConv(), RandomConv(), RandomConv(seed=1)
    seen = one.extract(DIGITS.held_out).features
    assert np.array_equal(seen, again.extract(DIGITS.held_out).features) and one.identity == again.identity
    assert one.identity != other.identity and not np.allclose(seen, other.extract(DIGITS.held_out).features)
    assert (one.label, other.label) == ("random_conv", "random_conv_1")
    with pytest.raises(UserError, match="seed must be at least 0"):
        RandomConv(seed=-1)


@pytest.mark.parametrize(("side", "channels"), [(1, 1), (2, 3), (5, 1), (28, 1), (64, 3), (100, 3), (130, 1)])
def test_random_conv_takes_any_side_and_colour(side: int, channels: int) -> None:
    seen = RandomConv().extract(RANDOM.integers(0, 256, (3, side, side, channels)).astype(np.uint8))
    assert seen.features.shape == (3, 512) and np.isfinite(seen.features).all()
    assert not np.array_equal(seen.features[0], seen.features[1])


def test_random_conv_sees_gray_as_equal_colours() -> None:
    gray, lens = blobs(4), RandomConv()
    assert np.array_equal(lens.extract(gray).features, lens.extract(gray.repeat(3, axis=3)).features)


def test_random_conv_measures_all_its_layers_in_one_unit() -> None:
    """On photographs' spectrum features have deviations near 1, to a half, so that no layer outweighs the others."""
    from twoplayer.extractors import random_conv

    noise = random_conv._noise(np.random.default_rng(5), 200, 32)
    pixels = (127.5 * (noise + 1)).round().astype(np.uint8).transpose(0, 2, 3, 1)
    deviation = RandomConv().extract(pixels).features.std(0)
    layers = np.split(deviation, np.cumsum(random_conv.WIDTHS)[:-1])
    assert all(0.66 < layer.mean() < 1.5 for layer in layers), [layer.mean() for layer in layers]


def test_random_conv_tells_what_a_generator_does_wrong() -> None:
    """Blurred, noisy, less varied and shifted images are farther than fresh ones, the more the worse it is."""
    from twoplayer.metrics._frechet import frechet_distance, moments

    lens, real = RandomConv(), blobs(600, 16, seed=2)
    reference = moments(lens.extract(real).features)

    def distance(samples: Array) -> float:
        return frechet_distance(moments(lens.extract(samples).features), reference)

    fresh = blobs(600, 16, seed=3)
    noise = np.random.default_rng(0).normal(size=fresh.shape)
    noisy = [(fresh + scale * noise).clip(0, 255).astype(np.uint8) for scale in (10, 40)]
    blurred = (fresh // 2 + np.roll(fresh, 2, axis=1) // 4 + np.roll(fresh, 2, axis=2) // 4).astype(np.uint8)
    same = distance(fresh)
    assert same < distance(noisy[0]) < distance(noisy[1])
    assert (
        min(distance(blurred), distance(fresh[:30].repeat(20, axis=0)), distance(np.roll(fresh, 5, axis=2))) > 2 * same
    )


# ---- pixels, points


def test_pixels_are_means_over_squares() -> None:
    picture = blobs(5, 70, 3)
    seen = extractors.create("pixels").extract(picture).features.reshape(5, 24, 24, 3)  # 70 = 23 * 3 + 1
    assert seen[:, :23, :23] == pytest.approx(picture[:, :69, :69].reshape(5, 23, 3, 23, 3, 3).mean((2, 4)) / 255)
    assert seen[:, 23, 23] == pytest.approx(picture[:, 69, 69] / 255)
    whole = extractors.create("pixels", side=70)
    assert np.array_equal(whole.extract(picture).features, picture.reshape(5, -1).astype(np.float32) / np.float32(255))
    assert whole.label == "pixels_70" != extractors.create("pixels").label


def test_points_are_standardized_by_the_training_points() -> None:
    lens = extractors.create("points", POINTS)
    seen = lens.extract(POINTS.train).features
    assert seen.mean(0) == pytest.approx([0, 0], abs=1e-5) and seen.std(0) == pytest.approx([1, 1], rel=1e-5)
    far = replace(POINTS, train=POINTS.train + 1e9)
    moved = extractors.create("points", far).extract(far.train).features
    assert moved[:, 0] == pytest.approx(seen[:, 0], abs=1e-4)
    constant = replace(POINTS, train=np.column_stack([POINTS.train[:, 0], np.full(200, 7.0)]))
    assert np.ptp(extractors.create("points", constant).extract(constant.train).features[:, 1]) == 0
    with pytest.raises(UserError, match="points of 3 coordinates"):
        lens.extract(np.zeros((4, 3)))
    broken = POINTS.train.copy()
    broken[[3, 5], [0, 1]] = np.nan, np.inf
    with pytest.raises(UserError, match="2 of the 200 points are not finite"):
        lens.extract(broken)


@pytest.mark.parametrize("name", ["points", "classifier"])
def test_what_needs_data_says_so(name: str) -> None:
    with pytest.raises(UserError, match="needs"):
        extractors.create(name)


# ---- inception


def test_inception_gets_whole_images_as_bytes(fidelity: Path) -> None:
    """At their own size and in order: torch-fidelity resizes them itself, as TensorFlow 1 did."""
    lens = extractors.create("inception", weights=fidelity)
    picture = blobs(40, 20)
    seen = lens.extract(picture)
    given = torch.cat(lens.network.seen)[:40]
    assert given.dtype == torch.uint8 and given.shape == (40, 3, 20, 20)
    assert np.array_equal(given[:, 1].numpy(), picture[..., 0]) and torch.equal(given[:, 0], given[:, 2])
    assert seen.features.shape == (40, 2048) and seen.logits.shape == (40, 1008)
    assert seen.logits == pytest.approx(seen.features @ lens.network.fc.weight.detach().numpy().T, abs=1e-4)


def test_torch_fidelity_resizes_as_tensorflow_1_did() -> None:
    interpolation = pytest.importorskip("torch_fidelity.interpolate_compat_tensorflow")
    picture = RANDOM.integers(0, 256, (7, 5)).astype(np.float32)
    ours = _bilinear_of_tensorflow_1(picture, 11)
    theirs = interpolation.interpolate_bilinear_2d_like_tensorflow1x(
        torch.from_numpy(picture)[None, None], size=(11, 11), align_corners=False
    )
    assert theirs[0, 0].numpy() == pytest.approx(ours, abs=1e-3)


def _bilinear_of_tensorflow_1(picture: Array, side: int) -> Array:
    """No half-pixel centres: output pixel i lies at i * in / out, the pixel beyond the last is the last."""
    out = np.empty((side, side))
    for i in range(side):
        for j in range(side):
            y, x = i * picture.shape[0] / side, j * picture.shape[1] / side
            (a, b), (p, q) = (
                (int(y), min(int(y) + 1, picture.shape[0] - 1)),
                (int(x), min(int(x) + 1, picture.shape[1] - 1)),
            )
            top = picture[a, p] * (1 - (x - p)) + picture[a, q] * (x - p)
            low = picture[b, p] * (1 - (x - p)) + picture[b, q] * (x - p)
            out[i, j] = top * (1 - (y - a)) + low * (y - a)
    return out


@pytest.mark.parametrize("missing", ["torch_fidelity", "torchvision"])
def test_without_its_packages_inception_says_what_to_install(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch_fidelity", None)

    def absent(*_: Any, **__: Any) -> None:
        raise ModuleNotFoundError(f"No module named {missing!r}", name=missing)

    if missing == "torchvision":
        finder = types.SimpleNamespace(find_spec=lambda name, *_: absent() if name == "torch_fidelity" else None)
        monkeypatch.delitem(sys.modules, "torch_fidelity")
        monkeypatch.setattr(sys, "meta_path", [finder, *sys.meta_path])
    with pytest.raises(UserError, match=rf"needs {missing.replace('_', '-')}: pip install 'twoplayer\[inception\]'"):
        extractors.create("inception")


def test_a_torchvision_of_another_torch_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str, *_: Any) -> None:
        if name == "torch_fidelity":
            raise RuntimeError("operator torchvision::nms does not exist\nmore")

    monkeypatch.delitem(sys.modules, "torch_fidelity", raising=False)
    monkeypatch.setattr(sys, "meta_path", [types.SimpleNamespace(find_spec=broken), *sys.meta_path])
    with pytest.raises(UserError, match=r"cannot be imported \(operator torchvision::nms does not exist\): pip"):
        extractors.create("inception")


def test_weights_that_cannot_be_fetched_are_one_sentence(fidelity: Path, tmp_path: Path) -> None:
    said: list[str] = []
    with pytest.raises(UserError, match="cannot be downloaded") as error:
        extractors.create("inception", None, ExtractorContext(progress=said.append))
    assert "weights-of-a-day-0123abcd.pth" in str(error.value) and str(tmp_path / "hub") in str(error.value)
    assert said and len(str(error.value).splitlines()) == 1


def test_weights_are_found_where_torch_keeps_them(fidelity: Path, tmp_path: Path) -> None:
    place = tmp_path / "hub" / "checkpoints" / "weights-of-a-day-0123abcd.pth"
    place.parent.mkdir(parents=True)
    place.write_bytes(fidelity.read_bytes())
    assert extractors.create("inception").identity == extractors.create("inception", weights=fidelity).identity


def test_the_label_tells_other_weights_than_the_published_ones(fidelity: Path) -> None:
    import hashlib

    assert extractors.create("inception", weights=fidelity).label == "inception_weights"
    digest = hashlib.sha256(fidelity.read_bytes()).hexdigest()
    module = sys.modules["torch_fidelity.feature_extractor_inceptionv3"]
    module.URL_INCEPTION_V3 = f"http://localhost:9/weights-of-a-day-{digest[:8]}.pth"  # type: ignore[attr-defined]
    assert extractors.create("inception", weights=fidelity).label == "inception"


def test_weights_that_hold_code_are_not_run(fidelity: Path, tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "sprung",))

    torch.save({"fc.weight": Trap()}, tmp_path / "trap.pth")
    (tmp_path / "cut.pth").write_bytes(fidelity.read_bytes()[:1000])
    for name in ("trap.pth", "cut.pth", "absent.pth"):
        with pytest.raises(UserError, match=f"cannot read .*{name} as weights"):
            extractors.create("inception", weights=tmp_path / name)
    assert not (tmp_path / "sprung").exists()


# ---- transformers


def test_transformers_get_images_as_their_papers_scale_them(transformers: None) -> None:
    lens = extractors.create("dinov2", side=28)
    picture = blobs(3, 40, 3)
    lens.extract(picture)
    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    pixels = (lens.network.given[:3].numpy().transpose(0, 2, 3, 1) * deviation + mean) * 255
    assert pixels == pytest.approx(_by_pillow(picture, 28), abs=1.01)  # Pillow rounds between both passes
    assert (lens.label, lens.dimension) == ("dinov2_28", 24)
    assert extractors.create("dinov2", model="someone/dinov2-small").label == "dinov2_small"
    assert extractors.create("dinov2").label == "dinov2"  # at the published side


def _by_pillow(pictures: Array, side: int) -> Array:
    from PIL import Image

    return np.stack([np.asarray(Image.fromarray(p).resize((side, side), Image.Resampling.BICUBIC)) for p in pictures])


def test_images_of_the_networks_own_size_are_left_alone() -> None:
    picture = torch.from_numpy(blobs(2, 28, 3)).permute(0, 3, 1, 2)
    assert torch.equal(resized(picture, 28), picture.float())
    assert resized(picture.double() + 0.25, 14).dtype == torch.float64


def test_clip_embeddings_have_length_1(transformers: None) -> None:
    seen = extractors.create("clip", side=28).extract(blobs(5, 28, 3)).features
    assert np.linalg.norm(seen, axis=1) == pytest.approx(np.ones(5), rel=1e-5)


@pytest.mark.parametrize("name", ["dinov2", "clip"])
def test_without_transformers_or_weights_one_sentence(
    name: str, transformers: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match=r"cannot load nowhere \(nowhere is not a local folder\): connect") as error:
        extractors.create(name, model="nowhere")
    assert len(str(error.value).splitlines()) == 1
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(UserError, match=f"the {name} extractor needs transformers: pip install transformers"):
        extractors.create(name)


def test_a_network_looks_at_floating_point_images_in_its_own_precision() -> None:
    lens = RandomConv()
    picture = torch.from_numpy(blobs(3)).permute(0, 3, 1, 2)
    with torch.no_grad():
        single = lens.forward_features(picture)[0]
        lens.network.double()
        double = lens.forward_features(picture.double())[0]
    assert double.dtype == torch.float64 and torch.allclose(double.float(), single, atol=1e-4)
