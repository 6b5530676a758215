"""ImageNet: 1,281,167 colour images of 1,000 classes, 64 pixels.

Source: Chrabaszcz, Loshchilov and Hutter, 2017, "A downsampled variant of ImageNet as an alternative to the
CIFAR datasets".
"""

from __future__ import annotations

from twoplayer.data._base import DataSettings
from twoplayer.data._hub_location import HubLocation, locate_images
from twoplayer.data._images import Images
from twoplayer.data._path_source import ScannableSource
from twoplayer.data._table import Columns

__all__ = ["Imagenet64"]


class Imagenet64(ScannableSource):
    """The 50,000 validation images are held out: the test part has no labels."""

    def scan(self, settings: DataSettings) -> Images:
        return locate_images(
            "imagenet64",
            settings,
            side=64,
            hub=HubLocation("benjamin-paine/imagenet-1k-64x64", columns=Columns(test="validation")),
        )
