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
    """73,257 to train on, 26,032 held out."""

    def scan(self, settings: DataSettings) -> Images:
        return locate_images("svhn", settings, side=32, hub=HubLocation("ufldl-stanford/svhn", "cropped_digits"))
