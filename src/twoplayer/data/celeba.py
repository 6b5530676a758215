"""CelebA: 202,599 faces, centre-cropped, 64 pixels.

Source: Liu, Luo, Wang and Tang, 2015, "Deep learning face attributes in the wild".
"""

from __future__ import annotations

from twoplayer.data._base import DataSettings
from twoplayer.data._hub_location import HubLocation, locate_images
from twoplayer.data._images import Images
from twoplayer.data._path_source import ScannableSource

__all__ = ["Celeba"]


class Celeba(ScannableSource):
    """The aligned faces, cropped to centred squares of 64 pixels, without attributes.

    Looked for as ``data/celeba`` below the working folder, in $TWOPLAYER_DATA and in the cache, then on the Hugging
    Face hub.
    """

    def scan(self, settings: DataSettings) -> Images:
        return locate_images("celeba", settings, side=64, hub=HubLocation("nielsr/CelebA-faces"))
