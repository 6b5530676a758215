"""From an encoded image, or an array, to a square uint8 array: orientation, alpha, crop, resize."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from twoplayer.core.errors import UserError
from twoplayer.data._types import Array

if TYPE_CHECKING:
    from PIL import Image

__all__ = [
    "decode_halves",
    "decode_square",
    "error_reason",
    "from_pil",
    "is_colour",
    "read_image",
    "shorter_side",
    "to_square",
]

GRAY_MODES = frozenset({"1", "L", "LA", "La", "I", "F"})


def decode_square(data: bytes | Array, side: int, channels: int) -> Array:
    """An image's centred square, uint8 ``(side, side, channels)``; the first frame of an animation.

    EXIF orientation is applied, transparency is laid on white. Raises whatever Pillow raises for broken data.
    """
    if not isinstance(data, bytes):
        return to_square(data, side, channels)
    from PIL import ImageOps

    with _open(data) as image:
        # JPEG decodes at a fraction of its size for free; twice the target leaves the resize its
        # antialiasing.
        image.draft(None, (2 * side, 2 * side))
        image.load()
        upright = ImageOps.exif_transpose(image)
        return _square(_flat(upright), side, channels)


def to_square(image: Array, side: int, channels: int) -> Array:
    """An array ``(H, W)`` or ``(H, W, C)`` of uint8 as a centred square ``(side, side, channels)``."""
    from PIL import Image

    image = np.asarray(image)
    if image.ndim == 3 and image.shape[2] == 1:
        image = image[..., 0]
    if image.dtype != np.uint8:
        raise ValueError(f"expected uint8 values, got {image.dtype}")
    return _square(_flat(Image.fromarray(np.ascontiguousarray(image))), side, channels)


def from_pil(image: Image.Image) -> Array:
    """A Pillow image as uint8 ``(H, W)`` where it is gray, else ``(H, W, 3)``; upright, transparency on white.

    >>> from PIL import Image
    >>> from_pil(Image.new("RGBA", (3, 2), (0, 0, 0, 0)))[0, 0]
    array([255, 255, 255], dtype=uint8)
    """
    from PIL import ImageOps

    return np.asarray(_flat(ImageOps.exif_transpose(image)), dtype=np.uint8)


def decode_halves(data: bytes | Array, side: int, channels: int) -> Array:
    """The two halves of a picture, left and right, each as `decode` gives it, the channels of one after the other's.

    uint8 ``(side, side, channels)``. Raises `ValueError` for a picture of odd width, or not wider than high.
    """
    flat = _flat(_upright(data))
    width, height = flat.size
    if width % 2 or width <= height:
        raise ValueError(f"{width}x{height} pixels are not two halves side by side")
    boxes = ((left, 0, left + width // 2, height) for left in (0, width // 2))
    return np.concatenate([_square(flat.crop(box), side, channels // 2) for box in boxes], axis=-1)


def read_image(path: Path, channels: int) -> Array:
    """A picture of any shape as it is, uint8 ``(H, W, channels)``; gray becomes colour where that is expected.

    Raises `UserError` for what cannot be read as a picture, and for colour where gray is expected.
    """
    expected = "gray" if channels == 1 else "colour"
    try:
        data = path.read_bytes()
        if channels == 1 and is_colour(data):
            raise UserError(f"{path} is a picture in colour where a gray one is expected: convert it first")
        flat = _flat(_upright(data)).convert("L" if channels == 1 else "RGB")
    except UserError:
        raise
    except Exception as error:  # Pillow has many kinds
        raise UserError(f"cannot read {path} ({error_reason(error)}): a picture in {expected} is expected") from error
    return np.asarray(flat, dtype=np.uint8).reshape(flat.height, flat.width, channels)


def is_colour(data: bytes | Array) -> bool:
    """Whether an image is stored in colour, by its header and palette alone."""
    if not isinstance(data, bytes):
        return bool(data.ndim == 3 and data.shape[2] != 1)
    with _open(data) as image:
        if image.mode in GRAY_MODES or image.mode.startswith("I;"):
            return False
        palette = image.getpalette("RGB") if image.mode in {"P", "PA"} else None
        if palette is None:
            return True
        return bool(np.ptp(np.reshape(palette, (-1, 3)), axis=1).any())


def error_reason(error: Exception) -> str:
    """Why a picture could not be read, in a few words."""
    if type(error).__name__ == "UnidentifiedImageError":  # its own words name an address in memory
        return "not an image"
    return " ".join(str(error).split())[:200] or type(error).__name__


def shorter_side(data: bytes | Array) -> int:
    """The shorter side of an image in pixels."""
    if not isinstance(data, bytes):
        return int(min(data.shape[:2]))
    with _open(data) as image:
        return int(min(image.size))


def _upright(data: bytes | Array) -> Image.Image:
    """The whole picture, EXIF orientation applied."""
    from PIL import Image, ImageOps

    if not isinstance(data, bytes):
        return Image.fromarray(np.ascontiguousarray(data))
    with _open(data) as image:
        image.load()
        return ImageOps.exif_transpose(image)


def _open(data: bytes) -> Image.Image:
    from PIL import Image

    return Image.open(io.BytesIO(data))


def _flat(image: Image.Image) -> Image.Image:
    """The image in mode L or RGB."""
    from PIL import Image

    if image.mode.startswith("I") or image.mode == "F":
        return Image.fromarray(_eight_bits(np.asarray(image)))
    gray = image.mode in GRAY_MODES
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("L" if gray else "RGB")


def _eight_bits(values: Array) -> Array:
    """Integers of more than 8 bits lose their lower ones, floats are taken as in [0, 1]."""
    if values.dtype.kind == "f":
        if not (values.min() >= 0 and values.max() <= 1):
            raise ValueError("float pixels must lie in [0, 1]")
        return np.asarray(np.rint(values * 255), dtype=np.uint8)
    if values.min() < 0 or values.max() > 65535:
        raise ValueError("integer pixels must lie in 0..65535")
    return np.asarray(values // 257 if values.max() > 255 else values, dtype=np.uint8)


def _square(image: Image.Image, side: int, channels: int) -> Array:
    from PIL import Image

    mode = "L" if channels == 1 else "RGB"
    if image.mode != mode:
        image = image.convert(mode)
    width, height = image.size
    crop = min(width, height)
    left, top = (width - crop) // 2, (height - crop) // 2
    # Cropped first: resize(box=...) lets the kernel reach beyond the box.
    image = image.crop((left, top, left + crop, top + crop))
    if crop != side:
        # Lanczos antialiases; enlarging, it would ring.
        kernel = Image.Resampling.LANCZOS if crop > side else Image.Resampling.BICUBIC
        image = image.resize((side, side), kernel)
    return np.asarray(image, dtype=np.uint8).reshape(side, side, channels)
