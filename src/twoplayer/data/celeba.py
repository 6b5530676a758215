"""CelebA: 202,599 faces, centre-cropped, 64 pixels.

Source: Liu, Luo, Wang and Tang, 2015, "Deep learning face attributes in the wild".
"""

from __future__ import annotations

from twoplayer.data._base import Settings
from twoplayer.data._images import Images
from twoplayer.data._known import Hub, known
from twoplayer.data._located import Read

__all__ = ["Celeba"]


class Celeba(Read):
    """The aligned faces, without attributes."""

    def scan(self, settings: Settings) -> Images:
        return known("celeba", settings, side=64, hub=Hub("nielsr/CelebA-faces"))
