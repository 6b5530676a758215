"""SVHN: street-view house numbers, cropped digits of 32 pixels.

Source: Netzer, Wang, Coates, Bissacco, Wu and Ng, 2011, "Reading digits in natural images with unsupervised
feature learning".
"""

from __future__ import annotations

from twoplayer.data._base import DataSettings
from twoplayer.data._hub_location import HubLocation, locate_images
from twoplayer.data._images import Images
from twoplayer.data._path_source import ScannableSource

__all__ = ["Svhn"]


class Svhn(ScannableSource):
    """Cropped digits of 32 pixels: 73,257 to train on and 26,032 held out.

    Looked for as ``data/svhn`` below the working folder, in $TWOPLAYER_DATA and in the cache, then on the Hugging Face
    hub.
    """

    def scan(self, settings: DataSettings) -> Images:
        return locate_images("svhn", settings, side=32, hub=HubLocation("ufldl-stanford/svhn", "cropped_digits"))
