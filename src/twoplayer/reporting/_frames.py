"""Pictures that travel inside the page, and the choice of those that show training best."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from twoplayer.reporting._formatting import reached
from twoplayer.reporting._record import RecordedSamples

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["Frame", "chosen", "embedded", "frame"]

FRAMES = 16
HEAVY = 200_000
"""Bytes above which a picture travels as WebP."""


@dataclass(frozen=True)
class Frame:
    """A picture as a data URI, its size in pixels, and its caption."""

    uri: str
    width: int
    height: int
    caption: str


def chosen(samples: list[RecordedSamples], at_most: int = FRAMES) -> list[RecordedSamples]:
    """First, last and some between, denser early, when a generator changes most."""
    last = len(samples) - 1
    if last < at_most:
        return samples
    places = {round(last * (i / (at_most - 1)) ** 2) for i in range(at_most)}
    return [samples[place] for place in sorted(places)]


def frame(sample: RecordedSamples, unit: str) -> Frame | None:
    """The sample's picture, captioned with how far training was; None when the file is no picture."""
    return embedded(sample.path, reached(sample, unit))


def embedded(path: Path, caption: str, *, heavy: int = HEAVY) -> Frame | None:
    """The picture in `path`, inside the page, as WebP above `heavy` bytes; None when the file is no whole picture."""
    from PIL import Image

    data = path.read_bytes()
    try:
        with Image.open(io.BytesIO(data)) as picture:
            picture.load()
            kind = "png"
            if len(data) > heavy:
                data, kind = _webp(picture.convert("RGB")), "webp"
            width, height = picture.size
    except (OSError, SyntaxError, ValueError):  # what Pillow raises for files that are cut or no pictures
        return None
    return Frame(f"data:image/{kind};base64,{base64.b64encode(data).decode()}", width, height, caption)


def _webp(picture: Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=86)
    return buffer.getvalue()
