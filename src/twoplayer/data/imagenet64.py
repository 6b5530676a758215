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
    """Images of 64 pixels with 1,000 classes; the 50,000 validation images are held out.

    The test part is not used, as it has no labels.

    Looked for as ``data/imagenet64`` below the working folder, in $TWOPLAYER_DATA and in the cache, then on the Hugging
    Face hub.
    """

    def scan(self, settings: DataSettings) -> Images:
        return locate_images(
            "imagenet64",
            settings,
            side=64,
            hub=HubLocation("benjamin-paine/imagenet-1k-64x64", columns=Columns(test="validation")),
        )
