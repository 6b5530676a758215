"""Path lengths against closed forms, jumps that are planted, and the pictures of both."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from twoplayer import data, extractors
from twoplayer.api.run import Run
from twoplayer.core.errors import UserError
from twoplayer.data._base import DataSettings
from twoplayer.evaluation.nearest_neighbours import nearest_to_training, neighbour_grid
from twoplayer.extractors._base import ExtractorContext
from twoplayer.extractors._float64 import Float64Extractor
from twoplayer.inference.latent_paths import interpolations, largest_step, lerp, path_length, path_values, slerp

A = torch.randn(5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
RANDOM = np.random.default_rng(0)


def linear(latents: Tensor) -> Tensor:
    return latents @ A.T


def normal(count: int, dimension: int, seed: int) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(seed)
    first, second = torch.randn(2, count, dimension, dtype=torch.float64, generator=random)
    return first, second


# ---- paths


def test_slerp_turns_evenly_and_ends_where_it_should() -> None:
    first, second = normal(50, 7, 1)
    places = torch.linspace(0, 1, 50, dtype=torch.float64)
    ends = [slerp(first, second, torch.full((50,), t, dtype=torch.float64)) for t in (0.0, 1.0)]
    assert torch.allclose(ends[0], first) and torch.allclose(ends[1], second)
    on_the_way = slerp(first[:1].expand(50, -1), second[:1].expand(50, -1), places)
    cosines = torch.cosine_similarity(on_the_way[:-1], on_the_way[1:])
    assert torch.allclose(cosines, cosines[:1].expand(49), atol=1e-9)
    evenly = torch.lerp(first[0].norm(), second[0].norm(), places)
    assert torch.allclose(on_the_way.norm(dim=1), evenly)


def test_slerp_joins_what_has_no_angle() -> None:
    a = torch.tensor([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]], dtype=torch.float64)
    b = torch.tensor([[3.0, 0.0], [-3.0, 0.0], [1.0, 1e-12]], dtype=torch.float64)
    middle = slerp(a, b, torch.full((3,), 0.5, dtype=torch.float64))
    assert torch.isfinite(middle).all()
    assert torch.allclose(middle[0], torch.tensor([2.0, 0.0], dtype=torch.float64))
    assert middle.norm(dim=1).max() <= 2 + 1e-9


# ---- path length


def test_path_length_of_a_linear_generator_is_its_slope_along_the_path() -> None:
    """E ‖A v‖² for v = dz/dt, by closed form: v is as long as ((b - a)² + |z|² ω²), in a direction like any other.

    E ω² = (π² - 4)/2 for two directions in three dimensions, E|z|² = d and (E|z|)² = 8/π for d = 3.
    """
    first, second = normal(40_000, 3, 2)
    squared_length = 2 * (3 - 8 / math.pi) + (2 + 8 / (3 * math.pi)) * (math.pi**2 - 4) / 2
    expected = float(A.square().sum()) / 3 * squared_length
    found = path_length(linear, first, second)
    assert found.error is not None and found.error < 0.01 * expected
    assert abs(found.value - expected) < 4 * found.error


def test_path_length_over_a_uniform_prior() -> None:
    """On straight lines v = b - a, and E ‖A v‖² = ‖A‖² · 2/3."""
    random = torch.Generator().manual_seed(3)
    first, second = torch.rand(2, 20_000, 3, dtype=torch.float64, generator=random) * 2 - 1
    found = path_length(linear, first, second, path=lerp)
    exact = linear(second - first).square().sum(1)
    assert found.value == pytest.approx(float(exact.mean()), rel=1e-6)
    assert found.error == pytest.approx(float(exact.std()) / math.sqrt(20_000), rel=1e-6)
    assert abs(found.value - float(A.square().sum()) * 2 / 3) < 4 * found.error


def test_path_length_has_converged_at_its_epsilon() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, 20), nn.Tanh()).double()
    first, second = normal(300, 6, 4)
    lengths = [path_length(network, first, second, epsilon=e).value for e in (1e-3, 1e-4, 1e-5)]
    assert lengths[1] == pytest.approx(lengths[2], rel=1e-3)
    assert path_length(network, first, second, seed=1).value != lengths[1]


def test_float32_would_lose_it() -> None:
    """Features around 10,000 that differ by a thousandth: none of the digits that matter are left."""
    first, second = normal(200, 3, 5)

    def rounded(latents: Tensor) -> Tensor:
        return (linear(latents).float() + 10_000).double()

    right = path_length(linear, first, second).value
    assert path_length(lambda z: linear(z) + 10_000, first, second).value == pytest.approx(right, rel=1e-6)
    assert abs(path_length(rounded, first, second).value / right - 1) > 0.2
    with pytest.raises(ValueError, match=r"float64, not torch\.float32"):
        path_length(lambda z: linear(z).float(), first, second)


def test_a_constant_generator_has_no_length() -> None:
    first, second = normal(40, 3, 6)
    assert path_length(lambda z: torch.zeros(len(z), 2, dtype=torch.float64), first, second).value == 0


# ---- jumps


def test_the_largest_step_tells_jumps_from_even_change() -> None:
    first, second = torch.zeros(5, 2, dtype=torch.float64), torch.ones(5, 2, dtype=torch.float64)
    even = largest_step(lambda z: z, first, second, path=lerp, steps=20)
    assert even.value == pytest.approx(1) and even.error == pytest.approx(0, abs=1e-12)
    jump = largest_step(lambda z: (z > 0.512).double(), first, second, path=lerp, steps=20)
    assert jump.value == pytest.approx(20)
    still = largest_step(torch.zeros_like, first, second, path=lerp, steps=20)
    assert still.value == 1
    both = largest_step(lambda z: z + 3 * (z > 0.512).double(), first, second, path=lerp, steps=20)
    assert both.value == pytest.approx((3 + 0.05) / (4 / 20))


# ---- extractors in float64


@pytest.mark.parametrize(("name", "options"), [("random-conv", {}), ("pixels", {"side": 5}), ("pixels", {})])
def test_exact_features_are_those_of_whole_pixels(name: str, options: dict[str, Any], tmp_path: Path) -> None:
    images = RANDOM.integers(0, 256, (6, 12, 12, 3), np.uint8)
    extractor = extractors.create(name, None, ExtractorContext(cache=tmp_path), **options)
    assert isinstance(extractor, Float64Extractor)
    _same(extractor, images, torch.from_numpy(images).double().permute(0, 3, 1, 2))


def test_exact_features_of_points_and_of_the_classifier(tmp_path: Path) -> None:
    points = RANDOM.normal(5.0, 3.0, (60, 2))
    opened = data.load(points, DataSettings())
    extractor = extractors.create("points", opened)
    _same(extractor, points, torch.from_numpy(points))
    images, labels = RANDOM.integers(0, 256, (60, 8, 8, 1), np.uint8), np.arange(60) % 2
    labelled = data.load((images, labels), DataSettings())
    extractor = extractors.create("classifier", labelled, ExtractorContext(cache=tmp_path))
    _same(extractor, images[:9], torch.from_numpy(images[:9]).double().permute(0, 3, 1, 2))


def _same(extractor: Any, samples: np.ndarray, tensor: Tensor) -> None:
    exact = extractor.in_float64(torch.device("cpu"))(tensor)
    assert exact.dtype == torch.float64
    seen = extractor.extract(samples).features
    assert exact.numpy() == pytest.approx(seen, rel=1e-4, abs=1e-5 * float(np.abs(seen).max()))
    assert extractor.extract(samples).features.dtype == np.float32  # the copy left it as it was


# ---- runs


@pytest.fixture
def ring(tiny: Callable[..., Any]) -> Run:
    run: Run = tiny("gan1", "ring", latent_dim=4)
    return Run(run.path)


def test_figures_of_a_run(ring: Run) -> None:
    from twoplayer.runs.dataset import reopen

    extractor = extractors.create("points", reopen(ring.folder))
    found = path_values(ring, extractor, count=100, paths=4)
    assert [f.name for f in found.metric_values] == ["path_length_points_100", "largest_step_points_4"]
    length, step = found.metric_values
    assert length.value > 0 and length.error is not None and 0 < length.error < length.value
    assert 1 <= step.value <= 32 and step.real is None and length.higher_is_better is False
    assert path_values(ring, extractor, count=100, paths=4) == found
    assert path_values(ring, extractor, count=100, paths=4, seed=1) != found
    assert next(ring.generator.parameters()).dtype == torch.float32


def test_features_of_the_run_are_in_the_extractors_units(ring: Run) -> None:
    """The length is that of the generator's samples as the extractor has them: doubled coordinates, four times."""
    from twoplayer.runs.dataset import reopen

    extractor = extractors.create("points", reopen(ring.folder))
    before = path_values(ring, extractor, count=50, paths=2).metric_values[0].value
    extractor.deviation = extractor.deviation / 2
    assert path_values(ring, extractor, count=50, paths=2).metric_values[0].value == pytest.approx(4 * before, rel=1e-9)


def test_interpolations_of_a_run(ring: Run) -> None:
    made = ring.interpolations(3, 6, seed=2)
    assert made.array.shape == (18, 2) and made.columns == 6
    assert np.array_equal(made.array, interpolations(ring, 3, 6, seed=2))
    assert not np.array_equal(made.array, ring.interpolations(3, 6).array)
    steps = np.linalg.norm(np.diff(made.array.reshape(3, 6, 2), axis=1), axis=2)
    between = np.linalg.norm(made.array[6] - made.array[5])
    assert steps.max() < between + steps.sum()
    assert ring.interpolations().array.shape == (8 * 200, 2)
    for rows, columns in ((0, 5), (3, 1)):
        with pytest.raises(UserError, match="at least"):
            ring.interpolations(rows, columns)


def test_paths_of_images_are_rows_of_a_picture(tiny: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    faces = RANDOM.integers(0, 256, (40, 8, 8), np.uint8)
    run = Run(tiny("gan1", faces, batch_size=8, steps=1, prior="uniform").path)
    monkeypatch.undo()  # real pictures
    made = run.interpolations(4, 7)
    assert made.array.shape == (28, 8, 8, 1) and made.array.dtype == np.uint8
    width, height = made.picture().size
    assert width > height


# ---- the samples nearest to the training data


def test_closest_samples_come_first_with_their_neighbours() -> None:
    train = RANDOM.normal(size=(300, 4))
    samples = RANDOM.normal(size=(200, 4))
    samples[17] = train[5] + 1e-3
    samples[60] = train[250]
    found = nearest_to_training(samples, train, rows=6, neighbours=3)
    assert found.samples[:2].tolist() == [60, 17]
    assert found.neighbours[:2, 0].tolist() == [250, 5]
    assert found.distances.shape == (6, 3) and found.distances[0, 0] == 0
    assert (np.diff(found.distances, axis=1) >= 0).all() and (np.diff(found.distances[:, 0]) >= 0).all()
    by_hand = np.linalg.norm(samples[:, None] - train, axis=2)
    assert found.distances[:, 0] == pytest.approx(np.sort(by_hand.min(1))[:6])
    few = nearest_to_training(samples[:2], train[:2], rows=6, neighbours=3)
    assert few.distances.shape == (2, 2)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("side", [8, 28, 100])
def test_a_sheet_shows_every_image(channels: int, side: int) -> None:
    images = RANDOM.integers(0, 256, (3, 5, side, side, channels), np.uint8)
    picture = neighbour_grid(images[:, 0], images[:, 1:], np.full((3, 4), 0.25))
    assert picture.mode == "RGB" and (side == 100 or 400 <= picture.width <= 600)
    pixels = np.asarray(picture)
    scale = (picture.height // 3 - 20) // side
    height = picture.height // 3
    for row in range(3):
        corner = pixels[row * height : row * height + scale * side : scale, : scale * side : scale]
        assert (corner == images[row, 0]).all()
    last = pixels[: scale * side : scale, -scale * side :: scale]
    assert (last == images[0, -1]).all()
    beneath = pixels[scale * side : height]
    assert (beneath[:, : scale * side] == 64).all()  # no number beneath the sample
    assert (beneath[:, scale * side :] > 150).any()


def test_a_sheet_refuses_what_does_not_fit() -> None:
    with pytest.raises(UserError, match="grid needs images"):
        neighbour_grid(np.zeros((2, 8, 8, 1), np.uint8), np.zeros((3, 4, 8, 8, 1), np.uint8), np.zeros((3, 4)))
    assert isinstance(
        neighbour_grid(np.zeros((1, 8, 8, 1), np.uint8), np.zeros((1, 1, 8, 8, 1), np.uint8), np.zeros((1, 1))),
        Image.Image,
    )
