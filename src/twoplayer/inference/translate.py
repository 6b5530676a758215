"""Pictures through a translation run's generator, of any size, and how near they come to their true partners."""

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

if TYPE_CHECKING:
    from torch import Tensor

    from twoplayer.inference.trained_run import TrainedRun

__all__ = ["ImageDistances", "TranslationErrors", "channels", "distances", "nearness", "translate", "translate_files"]

Array = np.ndarray[Any, Any]

SMALLEST = 8
TOGETHER = 64 * 64 * 64
"""Pixels of equally large pictures that pass the network at once."""
READ = 256
"""Pictures that are in memory at a time."""
COMPARED = 64
"""Pictures that are compared at a time."""


class ImageDistances(NamedTuple):
    """How far each picture is from the one that it should be, float64 ``(N,)``."""

    l1: Array
    """Mean absolute difference in units of [0, 1]."""
    perceptual: Array
    """Mean squared distance of local features, each of length 1, as LPIPS without learned weights."""


@dataclass(frozen=True)
class TranslationErrors:
    """`ImageDistances`, means over all pictures."""

    l1: float
    perceptual: float
    count: int


def channels(run: TrainedRun, direction: str | None = None) -> tuple[int, int]:
    """How many channels the run takes and gives in that direction, by default the one it was trained to show.

    Raises `UserError` for a run that does not translate, or not in that direction.
    """
    options = {k: v for k, v in run.config.game.items() if k != "name"}
    if run.data.get("partner_shape") is None or not run.config.game["name"].endswith("translation"):
        raise UserError(
            f"{run.path} makes samples of latents and translates nothing: give a run of pix2pix or cyclegan"
        )
    trained = options.get("direction", "AtoB")
    direction = trained if direction is None else direction
    if direction not in ("AtoB", "BtoA"):
        raise UserError(f"a direction is AtoB or BtoA, not {direction!r}")
    if direction != trained and not hasattr(run.generator, "direction"):
        raise UserError(
            f"{run.path} was trained to go {trained} alone: train one with --direction {direction}, or by cyclegan, "
            "which goes both ways"
        )
    sides = int(run.data["shape"][0]), int(run.data["partner_shape"][0])
    return sides if direction == "AtoB" else (sides[1], sides[0])


def translate(
    run: TrainedRun, pictures: Sequence[Array], *, direction: str | None = None, dropout: int | None = None
) -> list[Array]:
    """Each picture, uint8 ``(H, W, C)`` of any size from 8 pixels, as the run's generator translates it, as large.

    Always the same, unless the generator's dropout stays on, which is all the noise that pix2pix has: what it leaves
    out is a function of the picture and of the seed `dropout`. Equally large neighbours pass together, or one by one
    with dropout. Raises `UserError` as `channels` does, for other pictures, and for a generator without dropout.
    """
    given, _ = channels(run, direction)
    for number, picture in enumerate(pictures):
        _check(picture, given, f"picture {number}")
    generator: Any = run.generator
    if hasattr(generator, "direction"):
        trained, generator.direction = generator.direction, direction or generator.direction
        try:
            return _translated(run, pictures, dropout)
        finally:
            generator.direction = trained
    return _translated(run, pictures, dropout)


def translate_files(
    run: TrainedRun,
    paths: Sequence[Path],
    output: Path,
    *,
    direction: str | None = None,
    dropout: int | None = None,
    overwrite: bool = False,
) -> list[Path]:
    """The pictures at `paths`, files or folders of them, translated into the folder `output`, as PNG by their names.

    A folder's pictures keep their places below it; those in `output`, should it lie below, are earlier translations and
    stay out. Raises `UserError` where there is nothing to translate, for a file that is no picture, and where two would
    be written to one name, one over a picture that is given, or one over a file that nobody has said to `overwrite`;
    then nothing is written.
    """
    from twoplayer.data._pixels import read_image

    given, _ = channels(run, direction)
    found = _found(paths, output)
    written = [output / place.with_suffix(".png") for _, place in found]
    _check_targets([path for path, _ in found], written)
    check_free(written, overwrite=overwrite)
    for path, _ in found:
        _check(read_image(path, given), given, str(path))
    for start in range(0, len(found), READ):
        pictures = [read_image(path, given) for path, _ in found[start : start + READ]]
        made = translate(run, pictures, direction=direction, dropout=dropout)
        for path, picture in zip(written[start : start + READ], made, strict=True):
            _write(path, picture)
    return written


def nearness(made: Array, true: Array) -> TranslationErrors:
    """How near pictures uint8 ``(N, H, W, C)`` come to the `true` ones of the same shape, all in all.

    Raises `UserError` as `distances` does.
    """
    found = distances(made, true)
    return TranslationErrors(float(found.l1.mean()), float(found.perceptual.mean()), len(made))


def distances(made: Array, true: Array) -> ImageDistances:
    """How near pictures uint8 ``(N, H, W, C)`` come to the `true` ones of the same shape, one by one.

    Raises `UserError` for pictures of different shapes, and for none.

    Source of the distance of features: Zhang, Isola, Efros, Shechtman & Wang 2018, The Unreasonable Effectiveness of
    Deep Features as a Perceptual Metric (arXiv 1801.03924), equation 1, with random convolutions of three sizes in
    place of a trained network: their section 4.1 finds that random ones serve, if less well.
    """
    if made.shape != true.shape or not len(made):
        raise UserError(f"pictures of shape {made.shape} cannot be held against true ones of shape {true.shape}")
    parts = np.array_split(np.arange(len(made)), -(-len(made) // COMPARED))
    l1 = [np.abs(made[rows].astype(np.float32) - true[rows]).mean((1, 2, 3), dtype=np.float64) / 255 for rows in parts]
    layers = _layers(made.shape[-1])
    perceptual = [_perceptual(made[rows], true[rows], layers) for rows in parts]
    return ImageDistances(np.concatenate(l1), np.concatenate(perceptual))


def _translated(run: TrainedRun, pictures: Sequence[Array], dropout: int | None) -> list[Array]:
    import torch

    from twoplayer.sampling.generate import SampleFormat, to_stored

    stored, made = SampleFormat("images"), list[Array]()
    for together in _batches(pictures) if dropout is None else [[picture] for picture in pictures]:
        inputs = from_pixels(torch.from_numpy(np.stack(together)).permute(0, 3, 1, 2))
        left_out = nullcontext() if dropout is None else _dropping(run, dropout, together[0])
        with torch.no_grad(), run.placement.accelerator.autocast(), left_out:
            out: Tensor = run.generator(run.placement.samples(inputs.to(run.placement.device)))
        made += list(to_stored(out, stored))
    return made


@contextmanager
def _dropping(run: TrainedRun, seed: int, picture: Array) -> Iterator[None]:
    """The generator's dropout on, as in training, with the numbers of that seed for that picture."""
    import torch

    from twoplayer.core.rng import derive
    from twoplayer.networks._dropout import Dropout

    layers = [module for module in run.generator.modules() if isinstance(module, Dropout)]
    if not layers:
        raise UserError(f"the generator of {run.path} has no dropout, so that it translates a picture in one way alone")
    device = run.placement.device
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(derive(seed, "dropout", zlib.crc32(picture.tobytes())))
        for layer in layers:
            layer.train()
        try:
            yield
        finally:
            for layer in layers:
                layer.eval()


def _found(paths: Sequence[Path], output: Path) -> list[tuple[Path, Path]]:
    """Every picture, and its place below the folder that was named, but for those in a folder `output` below that."""
    from twoplayer.data._files import is_image

    found: list[tuple[Path, Path]] = []
    for path in paths:
        if not path.exists():
            raise UserError(f"there is no {path}: give a picture or a folder of pictures")
        if not path.is_dir():
            found.append((path, Path(path.name)))
            continue
        below = path.resolve() in output.resolve().parents
        inside = [p for p in path.rglob("*") if p.is_file() and is_image(p.relative_to(path).as_posix())]
        kept = sorted(p for p in inside if not (below and output.resolve() in p.resolve().parents))
        if not kept:
            raise UserError(f"there are no pictures in {path}: give a folder of PNG or JPEG files")
        found += [(p, p.relative_to(path)) for p in kept]
    return found


def _check_targets(given: Sequence[Path], written: Sequence[Path]) -> None:
    twice = next((path for path, times in Counter(written).items() if times > 1), None)
    if twice is not None:
        raise UserError(f"two pictures would be written to {twice}: translate them into folders of their own")
    originals = {path.resolve() for path in given}
    over = next((path for path in written if path.resolve() in originals), None)
    if over is not None:
        raise UserError(f"a translation would be written over {over}, which is to be translated: give another folder")


def _write(path: Path, picture: Array) -> None:
    from PIL import Image

    from twoplayer.core.files import write_atomic
    from twoplayer.sampling.image_grid import png_bytes

    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, png_bytes(Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture)))


def _batches(pictures: Sequence[Array]) -> list[list[Array]]:
    """Neighbours of one shape, few enough to pass at once."""
    found: list[list[Array]] = []
    for picture in pictures:
        last = found[-1] if found else []
        fits = last and last[0].shape == picture.shape and (len(last) + 1) * last[0][..., 0].size <= TOGETHER
        if fits:
            last.append(picture)
        else:
            found.append([picture])
    return found


def _check(picture: Array, expected: int, name: str) -> None:
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != expected:
        colour = "gray pictures (H, W, 1)" if expected == 1 else "colour pictures (H, W, 3)"
        raise UserError(f"{name} is {picture.dtype} {picture.shape}: this run takes {colour} of uint8")
    if min(picture.shape[:2]) < SMALLEST:
        raise UserError(
            f"{name} has {picture.shape[1]} by {picture.shape[0]} pixels: give pictures of at least {SMALLEST} by "
            f"{SMALLEST}"
        )


def _perceptual(made: Array, true: Array, layers: Sequence[Any]) -> Array:
    import torch

    one, other = (from_pixels(torch.from_numpy(a).permute(0, 3, 1, 2)) for a in (made, true))
    distance = torch.zeros(len(made))
    for layer in layers:
        one, other = layer(one), layer(other)
        apart = torch.nn.functional.normalize(one, dim=1) - torch.nn.functional.normalize(other, dim=1)
        distance += apart.square().sum(1).mean((1, 2)) / len(layers)
    return np.asarray(distance.double().numpy())


def _layers(inputs: int) -> list[Any]:
    """Random convolutions, the same always: 3x3, ReLU, and a halving behind each."""
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
