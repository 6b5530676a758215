"""Translations of images of any size by a run, and distances of translations from their true partners."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from twoplayer.core.errors import UserError
from twoplayer.core.files import check_free
from twoplayer.core.pixels import from_pixels
from twoplayer.games._translation import Direction
from twoplayer.games.unpaired_translation import TwoWayTranslator
from twoplayer.inference.open_samples import open_image_files

if TYPE_CHECKING:
    from torch import Tensor

    from twoplayer.inference.trained_run import TrainedRun

__all__ = [
    "ImageDistances",
    "TranslationErrors",
    "channel_counts",
    "image_distances",
    "translate",
    "translate_files",
    "translation_errors",
]

Array = np.ndarray[Any, Any]

MIN_SIDE = 8
"""Pixels."""
MAX_BATCH_PIXELS = 64 * 64 * 64
"""Pixels of equally large images that pass the network together."""
IMAGES_IN_MEMORY = 256
IMAGES_PER_COMPARISON = 64


class ImageDistances(NamedTuple):
    """Distances of images from their targets, float64 ``(N,)`` each."""

    l1: Array
    """Mean absolute difference in units of [0, 1]."""
    perceptual: Array
    """Mean squared distance of local features, each of length 1, as in LPIPS without learned weights."""


@dataclass(frozen=True)
class TranslationErrors:
    """`ImageDistances`, averaged over all images."""

    l1: float
    perceptual: float
    count: int


def channel_counts(run: TrainedRun, direction: str | None = None) -> tuple[int, int]:
    """The numbers of channels of input and output images in a direction, by default the run's own.

    Raises `UserError` for a run that does not translate, or not in that direction.
    """
    if not run.translates:
        raise UserError(f"{run.path} does not translate images: give a run of pix2pix or cyclegan")
    trained = run.config.game.get("direction", "AtoB")
    direction = trained if direction is None else direction
    if direction not in ("AtoB", "BtoA"):
        raise UserError(f"a direction is AtoB or BtoA, not {direction!r}")
    if direction != trained and not run.translates_both_ways:
        raise UserError(
            f"{run.path} was trained for {trained} only: train one with `direction={direction!r}`, or with cyclegan, "
            "which translates in both directions"
        )
    sides = int(run.data["shape"][0]), int(run.data["partner_shape"][0])
    return sides if direction == "AtoB" else (sides[1], sides[0])


def translate(
    run: TrainedRun, images: Sequence[Array], *, direction: str | None = None, dropout: int | None = None
) -> list[Array]:
    """Translations of images by the run's generator, at the size of each image.

    Args:
        run: a run of pix2pix or cyclegan.
        images: uint8 ``(H, W, C)`` with sides of at least 8 pixels; neighbours of equal size are translated together.
        direction: AtoB or BtoA; None takes the run's own.
        dropout: None switches dropout off, so that equal images have equal translations. A seed leaves it on, which is
            the only noise of pix2pix; the dropped units are a function of the image and the seed.

    Returns:
        Images uint8 ``(H, W, C)``, one for each input.

    Raises:
        UserError: as for `channel_counts`, for other images, and for a generator without dropout.
    """
    channels, _ = channel_counts(run, direction)
    for number, image in enumerate(images):
        _check(image, channels, f"image {number}")
    generator = run.generator
    if isinstance(generator, TwoWayTranslator):
        trained, generator.direction = generator.direction, _direction(direction) or generator.direction
        try:
            return _translated(run, images, dropout)
        finally:
            generator.direction = trained
    return _translated(run, images, dropout)


def translate_files(
    run: TrainedRun,
    paths: Sequence[Path],
    output: Path,
    *,
    direction: str | None = None,
    dropout: int | None = None,
    overwrite: bool = False,
) -> list[Path]:
    """Translate image files into PNG files in a folder.

    Args:
        run: a run of pix2pix or cyclegan.
        paths: image files, or folders of them, whose structure is kept. Files in `output` are left out where it lies
            below a folder, because they are earlier translations.
        output: folder of the translations.
        direction: AtoB or BtoA; None takes the run's own.
        dropout: as for `translate`.
        overwrite: whether existing files are replaced.

    Returns:
        The written files.

    Raises:
        UserError: before anything is written, where there are no images, for a file that is no image, and where two
            translations would have one name or one would replace an input or an existing file.
    """
    channels, _ = channel_counts(run, direction)
    found = _image_files(paths, output)
    inputs = open_image_files([file for file, _ in found], channels)
    targets = [output / relative.with_suffix(".png") for _, relative in found]
    _check_targets([file for file, _ in found], targets)
    check_free(targets, overwrite=overwrite)
    for (file, _), image in zip(found, inputs.chunks(), strict=True):
        _check(image[0], channels, str(file))
    for start in range(0, len(found), IMAGES_IN_MEMORY):
        rows = np.arange(start, min(start + IMAGES_IN_MEMORY, len(found)))
        images = [image[0] for image in inputs.chunks(rows)]
        translations = translate(run, images, direction=direction, dropout=dropout)
        for row, translation in zip(rows, translations, strict=True):
            _write(targets[row], translation)
    return targets


def translation_errors(translations: Array, targets: Array) -> TranslationErrors:
    """The mean `image_distances` of images uint8 ``(N, H, W, C)`` from their targets of the same shape."""
    distances = image_distances(translations, targets)
    return TranslationErrors(float(distances.l1.mean()), float(distances.perceptual.mean()), len(translations))


def image_distances(images: Array, targets: Array) -> ImageDistances:
    """The distances of images uint8 ``(N, H, W, C)`` from their targets of the same shape, one by one.

    The perceptual distance is that of Zhang, Isola, Efros, Shechtman & Wang 2018, The Unreasonable Effectiveness of
    Deep Features as a Perceptual Metric (arXiv 1801.03924), equation 1, with random convolutions of three sizes in
    place of a trained network; by their section 4.1 random networks work too, if less well.

    Raises `UserError` for different shapes, and without images.

    >>> black, white = np.zeros((1, 8, 8, 1), np.uint8), np.full((1, 8, 8, 1), 255, np.uint8)
    >>> image_distances(black, white).l1
    array([1.])
    """
    if images.shape != targets.shape or not len(images):
        raise UserError(f"images of shape {images.shape} cannot be compared with targets of shape {targets.shape}")
    parts = np.array_split(np.arange(len(images)), -(-len(images) // IMAGES_PER_COMPARISON))
    l1 = [
        np.abs(images[rows].astype(np.float32) - targets[rows]).mean((1, 2, 3), dtype=np.float64) / 255
        for rows in parts
    ]
    layers = _random_layers(images.shape[-1])
    perceptual = [_perceptual_distances(images[rows], targets[rows], layers) for rows in parts]
    return ImageDistances(np.concatenate(l1), np.concatenate(perceptual))


def _direction(direction: str | None) -> Direction | None:
    match direction:
        case None | "AtoB" | "BtoA":
            return direction
    raise UserError(f"a direction is AtoB or BtoA, not {direction!r}")


def _translated(run: TrainedRun, images: Sequence[Array], dropout: int | None) -> list[Array]:
    import torch

    from twoplayer.sampling.generate import SampleFormat, to_stored

    stored, translations = SampleFormat("images"), list[Array]()
    for batch in _batches(images) if dropout is None else [[image] for image in images]:
        inputs = from_pixels(torch.from_numpy(np.stack(batch)).permute(0, 3, 1, 2))
        dropout_on = nullcontext() if dropout is None else _with_dropout(run, dropout, batch[0])
        with torch.no_grad(), run.placement.accelerator.autocast(), dropout_on:
            outputs: Tensor = run.generator(run.placement.samples(inputs.to(run.placement.device)))
        translations += list(to_stored(outputs, stored))
    return translations


@contextmanager
def _with_dropout(run: TrainedRun, seed: int, image: Array) -> Iterator[None]:
    """Switch the generator's dropout on, with random numbers that are a function of seed and image."""
    import torch

    from twoplayer.core.rng import derive
    from twoplayer.networks._dropout import Dropout

    layers = [module for module in run.generator.modules() if isinstance(module, Dropout)]
    if not layers:
        raise UserError(f"the generator of {run.path} has no dropout: leave dropout out")
    device = run.placement.device
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(derive(seed, "dropout", zlib.crc32(image.tobytes())))
        for layer in layers:
            layer.train()
        try:
            yield
        finally:
            for layer in layers:
                layer.eval()


def _image_files(paths: Sequence[Path], output: Path) -> list[tuple[Path, Path]]:
    """Every image file with its path relative to the named folder; files in `output` are left out."""
    from twoplayer.data._files import is_image

    found: list[tuple[Path, Path]] = []
    for path in paths:
        if not path.exists():
            raise UserError(f"there is no {path}: give an image file or a folder of images")
        if not path.is_dir():
            found.append((path, Path(path.name)))
            continue
        below = path.resolve() in output.resolve().parents
        inside = [p for p in path.rglob("*") if p.is_file() and is_image(p.relative_to(path).as_posix())]
        images = sorted(p for p in inside if not (below and output.resolve() in p.resolve().parents))
        if not images:
            raise UserError(f"there are no images in {path}: give a folder of PNG or JPEG files")
        found += [(p, p.relative_to(path)) for p in images]
    return found


def _check_targets(inputs: Sequence[Path], targets: Sequence[Path]) -> None:
    twice = next((path for path, times in Counter(targets).items() if times > 1), None)
    if twice is not None:
        raise UserError(f"two images would be written to {twice}: translate them into different folders")
    originals = {path.resolve() for path in inputs}
    over = next((path for path in targets if path.resolve() in originals), None)
    if over is not None:
        raise UserError(f"a translation would be written over {over}, which is one of the inputs: give another folder")


def _write(path: Path, image: Array) -> None:
    from PIL import Image

    from twoplayer.core.files import write_atomic
    from twoplayer.sampling.image_grid import png_bytes

    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, png_bytes(Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)))


def _batches(images: Sequence[Array]) -> list[list[Array]]:
    """Consecutive images of one shape, in batches of at most `MAX_BATCH_PIXELS`."""
    batches: list[list[Array]] = []
    for image in images:
        last = batches[-1] if batches else []
        if last and last[0].shape == image.shape and (len(last) + 1) * last[0][..., 0].size <= MAX_BATCH_PIXELS:
            last.append(image)
        else:
            batches.append([image])
    return batches


def _check(image: Array, channels: int, name: str) -> None:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != channels:
        colour = "gray images (H, W, 1)" if channels == 1 else "colour images (H, W, 3)"
        raise UserError(f"{name} is {image.dtype} {image.shape}: this run takes {colour} of uint8")
    if min(image.shape[:2]) < MIN_SIDE:
        raise UserError(
            f"{name} has {image.shape[1]} by {image.shape[0]} pixels: give images of at least {MIN_SIDE} by {MIN_SIDE}"
        )


def _perceptual_distances(images: Array, targets: Array, layers: Sequence[Any]) -> Array:
    import torch
    from torch.nn.functional import normalize

    a, b = (from_pixels(torch.from_numpy(x).permute(0, 3, 1, 2)) for x in (images, targets))
    distance = torch.zeros(len(images))
    for layer in layers:
        a, b = layer(a), layer(b)
        distance += (normalize(a, dim=1) - normalize(b, dim=1)).square().sum(1).mean((1, 2)) / len(layers)
    return np.asarray(distance.double().numpy())


def _random_layers(inputs: int) -> list[Any]:
    """Fixed random convolutions 3x3, each with a ReLU and an average pooling that halves the sides."""
    import torch
    from torch import nn

    from twoplayer.core.rng import torch_generator

    random, layers = torch_generator(0, "perceptual layers"), []
    for width in (32, 64, 128):
        convolution = nn.Conv2d(inputs, width, 3, padding=1, bias=False).requires_grad_(False)
        convolution.weight.copy_(torch.randn(convolution.weight.shape, generator=random) * (2 / (9 * inputs)) ** 0.5)
        layers.append(nn.Sequential(convolution, nn.ReLU(), nn.AvgPool2d(2)))
        inputs = width
    return layers
