"""Pictures of samples: grids of images and clouds of points, drawn with numpy, returned as Pillow images."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from twoplayer.core.errors import UserError

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["image_grid", "png_bytes", "point_cloud"]

Floats: TypeAlias = NDArray[np.floating[Any]]
Offsets: TypeAlias = NDArray[np.int64]

WIDTH = 640  # of an image grid, pixels, as near as whole-number scaling allows
GAP = 2  # between the images of a grid, pixels
GAP_SHADE = 64  # dark enough beside white images, light enough beside black ones
SIDE = 600  # of a point cloud, pixels
SAMPLING = 2  # subpixels per pixel and axis

# Okabe & Ito 2008, "Color Universal Design": told apart with any colour vision
GENERATED = (0, 114, 178)  # blue
MODE = (213, 94, 0)  # vermilion
REAL = (120, 120, 120)
FRAME = (205, 205, 205)


def image_grid(images: ArrayLike, *, columns: int | None = None, scale: int | None = None) -> Image:
    """Images side by side, row by row, each pixel enlarged to a `scale` x `scale` square.

    Args:
        images: uint8, shape (N, H, W, C) with C = 1 or 3, values 0..255.
        columns: images per row; by default the grid is as square as N allows.
        scale: a whole number; by default the one that brings the grid nearest to 640 pixels across.

    Raises `UserError` for other shapes and types.
    """
    from PIL import Image

    pixels = _checked_images(images)
    n, height, width, channels = pixels.shape
    columns = min(columns or math.ceil(math.sqrt(n)), n)
    rows = math.ceil(n / columns)
    scale = scale or max(1, round((WIDTH / columns - GAP) / width))
    pixels = pixels.repeat(scale, axis=1).repeat(scale, axis=2)
    cell_height, cell_width = height * scale + GAP, width * scale + GAP
    sheet = np.full((rows * columns, cell_height, cell_width, channels), GAP_SHADE, np.uint8)
    sheet[:n, :-GAP, :-GAP] = pixels
    sheet = sheet.reshape(rows, columns, cell_height, cell_width, channels).swapaxes(1, 2)
    sheet = sheet.reshape(rows * cell_height, columns * cell_width, channels)[:-GAP, :-GAP]
    return Image.fromarray(sheet[..., 0] if channels == 1 else sheet)


def point_cloud(
    points: ArrayLike,
    *,
    reference: ArrayLike | None = None,
    limits: tuple[float, float, float, float] | None = None,
    modes: ArrayLike | None = None,
) -> Image:
    """Points in the plane (600 x 600 pixels), or a histogram (600 x 300) where they have one dimension.

    Points with more than two dimensions are projected on the first two principal axes of the reference.
    Points outside the limits, or not finite, are not drawn.

    Args:
        points: shape (N, D), generated: blue.
        reference: shape (M, D), real: grey, beneath. It fixes the axes; without it the points do.
        limits: (left, right, bottom, top) of the drawn window; a histogram uses the first two.
        modes: shape (K, D), the centres of the modes: vermilion rings.

    Raises `UserError` when the shapes disagree.
    """
    cloud = _checked_points(points, "points")
    real = None if reference is None else _checked_points(reference, "reference points", cloud.shape[1])
    centres = None if modes is None else _checked_points(modes, "modes", cloud.shape[1])
    if cloud.shape[1] == 1:
        return _histogram(cloud[:, 0], None if real is None else real[:, 0], limits)
    basis = cloud if real is None else real
    axes = _principal_axes(basis)
    window = limits or _window(basis @ axes)
    canvas = np.full((SIDE, SIDE, 3), 255.0)
    if real is not None:
        _paint(canvas, _coverage(real @ axes, window, _disc(1.8), 0.35), REAL)
    _paint(canvas, _coverage(cloud @ axes, window, _disc(2.2), 0.6), GENERATED)
    if centres is not None:
        _paint(canvas, _coverage(centres @ axes, window, _ring(16.0), 1.0), MODE)
    return _framed(canvas)


def png_bytes(image: Image) -> bytes:
    """The image as a PNG file's bytes."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _checked_images(images: ArrayLike) -> NDArray[np.uint8]:
    pixels = np.asarray(images)
    if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[3] not in (1, 3) or not pixels.size:
        raise UserError(f"a grid needs uint8 images of shape (N, H, W, 1 or 3), not {pixels.dtype} {pixels.shape}.")
    return pixels


def _checked_points(points: ArrayLike, name: str, dimensions: int | None = None) -> Floats:
    cloud = np.asarray(points, dtype=np.float64)
    if cloud.ndim != 2 or cloud.shape[1] != (dimensions or cloud.shape[1]) or not cloud.shape[1]:
        expected = f"(N, {dimensions or 'D'})"
        raise UserError(f"a point cloud needs {name} of shape {expected}, not {cloud.shape}.")
    finite: Floats = cloud[np.isfinite(cloud).all(axis=1)]
    return finite


def _principal_axes(points: Floats) -> Floats:
    """Shape (D, 2): the identity in the plane, else the two leading eigenvectors of the covariance."""
    dimensions = points.shape[1]
    if dimensions == 2 or len(points) < 2:
        return np.eye(dimensions, 2)
    axes = np.linalg.eigh(np.cov(points, rowvar=False))[1][:, :-3:-1]
    # an eigenvector's sign is arbitrary: fixed here so that pictures of one run share their axes
    signs = np.sign(axes[np.abs(axes).argmax(axis=0), [0, 1]])
    oriented: Floats = axes * signs
    return oriented


def _window(points: Floats) -> tuple[float, float, float, float]:
    if not len(points):
        return -1.0, 1.0, -1.0, 1.0
    low, high = points.min(axis=0), points.max(axis=0)
    half = np.maximum((high - low) / 2, 1e-9)
    if half.max() < 4 * half.min():  # alike enough to share a unit: circles stay circles
        half = np.full(2, half.max())
    (left, bottom), (right, top) = (low + high) / 2 - 1.2 * half, (low + high) / 2 + 1.2 * half
    return float(left), float(right), float(bottom), float(top)


def _coverage(points: Floats, window: tuple[float, float, float, float], stamp: Offsets, opacity: float) -> Floats:
    """Shape (SIDE, SIDE), 0..1: how much of each pixel the stamped points hide."""
    side = SIDE * SAMPLING
    left, right, bottom, top = window
    unit = (points - (left, bottom)) / (right - left, top - bottom)
    unit = unit[((unit >= 0) & (unit <= 1)).all(axis=1)]
    x, y = (unit[:, 0] * (side - 1)).round(), ((1 - unit[:, 1]) * (side - 1)).round()
    columns = (x.astype(np.int64)[:, None] + stamp[:, 0]).ravel()
    rows = (y.astype(np.int64)[:, None] + stamp[:, 1]).ravel()
    inside = (columns >= 0) & (columns < side) & (rows >= 0) & (rows < side)
    counts = np.bincount(rows[inside] * side + columns[inside], minlength=side * side)
    hidden = 1 - (1 - opacity) ** counts.reshape(SIDE, SAMPLING, SIDE, SAMPLING)
    pixels: Floats = hidden.mean(axis=(1, 3))
    return pixels


def _disc(radius: float) -> Offsets:
    """Shape (K, 2): the subpixel offsets within `radius` pixels."""
    offsets = _offsets(radius)
    within: Offsets = offsets[(offsets**2).sum(axis=1) <= (radius * SAMPLING) ** 2]
    return within


def _ring(radius: float) -> Offsets:
    """Shape (K, 2): the subpixel offsets of a circle's outline, which leaves what it marks in view."""
    offsets = _offsets(radius)
    distance = np.hypot(*offsets.T)
    outline: Offsets = offsets[np.abs(distance - (radius - 1) * SAMPLING) <= 0.8 * SAMPLING]
    return outline


def _offsets(radius: float) -> Offsets:
    reach = np.arange(-math.ceil(radius * SAMPLING), math.ceil(radius * SAMPLING) + 1)
    return np.stack(np.meshgrid(reach, reach), axis=-1).reshape(-1, 2)


def _histogram(points: Floats, reference: Floats | None, limits: tuple[float, float, float, float] | None) -> Image:
    basis = points if reference is None else reference
    if limits is not None:
        left, right = limits[:2]
    else:
        left, right, _, _ = _window(np.stack([basis, basis], axis=1))
    canvas = np.full((SIDE // 2, SIDE, 3), 255.0)
    bars = {"points": _bars(points, left, right)}
    if reference is not None:
        bars["reference"] = _bars(reference, left, right)
    tallest = max(b.max() for b in bars.values()) or 1.0
    height = np.arange(SIDE // 2)[::-1, None] / (SIDE // 2)
    if reference is not None:
        _paint(canvas, 0.35 * (height < 0.92 * bars["reference"] / tallest), REAL)
    level = 0.92 * bars["points"] / tallest
    _paint(canvas, _outline(height, level), GENERATED)
    return _framed(canvas)


def _bars(values: Floats, left: float, right: float, bins: int = 60) -> Floats:
    counts = np.histogram(values, bins=bins, range=(left, right))[0]
    return counts.repeat(SIDE // bins) / max(1, len(values))


def _outline(height: Floats, level: Floats) -> Floats:
    """Shape (SIDE // 2, SIDE): the upper edge of the bars, three pixels thick, its jumps included."""
    thickness = 3 / (SIDE // 2)
    before = np.concatenate([level[:1], level[:-1]])
    low, high = np.minimum(level, before), np.maximum(level, before)
    edge: Floats = ((height >= low) & (height < high + thickness)).astype(np.float64)
    return edge


def _paint(canvas: Floats, coverage: Floats, colour: tuple[int, int, int]) -> None:
    canvas += coverage[..., None] * (np.array(colour) - canvas)


def _framed(canvas: Floats) -> Image:
    from PIL import Image

    canvas[[0, -1]] = canvas[:, [0, -1]] = FRAME
    return Image.fromarray(canvas.round().astype(np.uint8))
