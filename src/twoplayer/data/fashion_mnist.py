"""Fashion-MNIST: 70,000 gray images of 10 kinds of clothing, 28 pixels.

Source: Xiao, Rasul and Vollgraf, 2017, "Fashion-MNIST: a novel image dataset for benchmarking machine
learning algorithms".
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from twoplayer.data._base import DataSettings
from twoplayer.data._hub_location import HubLocation, locate_images
from twoplayer.data._images import Images
from twoplayer.data._path_source import ScannableSource

__all__ = ["FashionMnistImages"]

DEBIAN = Path("/usr/share/datasets/fashion-mnist")
CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)


class FashionMnistImages(ScannableSource):
    """Gray images of 28 pixels with 10 class names: 60,000 to train on and 10,000 held out.

    Looked for as ``data/fashion-mnist`` below the working folder, in $TWOPLAYER_DATA and in the cache, then where
    Debian's package ``dataset-fashion-mnist`` puts them, then on the Hugging Face hub.
    """

    def scan(self, settings: DataSettings) -> Images:
        images = locate_images(
            "fashion-mnist",
            settings,
            side=28,
            hub=HubLocation("zalando-datasets/fashion_mnist"),
            elsewhere=[DEBIAN],
            advice="run apt install dataset-fashion-mnist, or put its IDX files there",
        )
        return replace(images, class_names=CLASSES)
