"""STL-10: 13,000 labelled colour images of 10 classes, 96 pixels.

Source: Coates, Lee and Ng, 2011, "An analysis of single-layer networks in unsupervised feature learning".
"""

from __future__ import annotations

from twoplayer.data._base import DataSettings
from twoplayer.data._hub_location import HubLocation, locate_images
from twoplayer.data._images import Images
from twoplayer.data._path_source import ScannableSource

__all__ = ["Stl10"]


class Stl10(ScannableSource):
    """Images of 96 pixels: the labelled 5,000 to train on and 8,000 held out, without the unlabelled part.

    Looked for as ``data/stl10`` below the working folder, in $TWOPLAYER_DATA and in the cache, then on the Hugging Face
    hub.
    """

    def scan(self, settings: DataSettings) -> Images:
        return locate_images("stl10", settings, side=96, hub=HubLocation("tanganke/stl10"))
