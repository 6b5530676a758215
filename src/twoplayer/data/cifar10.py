"""CIFAR-10: 60,000 colour images of 10 classes, 32 pixels.

Source: Krizhevsky, 2009, "Learning multiple layers of features from tiny images".
"""

from __future__ import annotations

from twoplayer.data._base import DataSettings
from twoplayer.data._hub_location import HubLocation, locate_images
from twoplayer.data._images import Images
from twoplayer.data._path_source import ScannableSource

__all__ = ["Cifar10"]


class Cifar10(ScannableSource):
    """Images of 32 pixels with 10 class names: 50,000 to train on and 10,000 held out.

    Looked for as ``data/cifar10`` below the working folder, in $TWOPLAYER_DATA and in the cache, then on the Hugging
    Face hub.
    """

    def scan(self, settings: DataSettings) -> Images:
        return locate_images("cifar10", settings, side=32, hub=HubLocation("uoft-cs/cifar10"))
