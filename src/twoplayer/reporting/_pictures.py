"""Pictures embedded in the page, and the selection of those that show the course of training."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from twoplayer.reporting._formatting import training_progress
from twoplayer.reporting._record import RecordedSamples

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["MAX_PICTURES", "EmbeddedPicture", "embedded", "embedded_samples", "selected"]

MAX_PICTURES = 16
"""Pictures of samples in a report."""
MAX_PNG_BYTES = 200_000
"""Size of a PNG file above which a picture is embedded as WebP."""
WEBP_QUALITY = 86


@dataclass(frozen=True)
class EmbeddedPicture:
    """A picture as a data URI, its size in pixels, and its caption."""

    uri: str
    width: int
    height: int
    caption: str


def selected(samples: list[RecordedSamples], max_count: int = MAX_PICTURES) -> list[RecordedSamples]:
    """At most `max_count` of the pictures: first, last and some between, denser early, when samples change most."""
    last = len(samples) - 1
    if last < max_count:
        return samples
    indices = {round(last * (i / (max_count - 1)) ** 2) for i in range(max_count)}
    return [samples[index] for index in sorted(indices)]


def embedded_samples(samples: RecordedSamples, unit: str) -> EmbeddedPicture | None:
    """The picture of samples with the progress of training as its caption; None if the file is no picture."""
    return embedded(samples.path, training_progress(samples, unit))


def embedded(path: Path, caption: str, *, max_png_bytes: int = MAX_PNG_BYTES) -> EmbeddedPicture | None:
    """The picture in a PNG file as a data URI.

    Args:
        path: the file.
        caption: the picture's caption.
        max_png_bytes: file size above which the picture is converted to WebP.

    Returns:
        None if the file is no picture or is cut off.
    """
    from PIL import Image

    data = path.read_bytes()
    try:
        with Image.open(io.BytesIO(data)) as picture:
            picture.load()
            kind = "png"
            if len(data) > max_png_bytes:
                data, kind = _webp(picture.convert("RGB")), "webp"
            width, height = picture.size
    except (OSError, SyntaxError, ValueError):  # the exceptions of Pillow for damaged files
        return None
    return EmbeddedPicture(f"data:image/{kind};base64,{base64.b64encode(data).decode()}", width, height, caption)


def _webp(picture: Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=WEBP_QUALITY)
    return buffer.getvalue()
