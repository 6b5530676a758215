"""ImageNet: 1,281,167 colour images of 1,000 classes, 64 pixels.

Source: Chrabaszcz, Loshchilov and Hutter, 2017, "A downsampled variant of ImageNet as an alternative to the
CIFAR datasets".
"""

from __future__ import annotations

from twoplayer.data._base import Settings
from twoplayer.data._images import Images
from twoplayer.data._known import Hub, known
from twoplayer.data._located import Read
from twoplayer.data._table import Columns

__all__ = ["Imagenet64"]


class Imagenet64(Read):
    """The 50,000 validation images are held out: the test part has no labels."""

    def scan(self, settings: Settings) -> Images:
        return known(
            "imagenet64",
            settings,
            side=64,
            hub=Hub("benjamin-paine/imagenet-1k-64x64", columns=Columns(test="validation")),
        )
