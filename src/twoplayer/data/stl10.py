"""STL-10: 13,000 labelled colour images of 10 classes, 96 pixels.

Source: Coates, Lee and Ng, 2011, "An analysis of single-layer networks in unsupervised feature learning".
"""

from __future__ import annotations

from twoplayer.data._base import Settings
from twoplayer.data._images import Images
from twoplayer.data._known import Hub, known
from twoplayer.data._located import Read

__all__ = ["Stl10"]


class Stl10(Read):
    """5,000 to train on, 8,000 held out; the unlabelled part is left out."""

    def scan(self, settings: Settings) -> Images:
        return known("stl10", settings, side=96, hub=Hub("tanganke/stl10"))
