"""SVHN: street-view house numbers, cropped digits of 32 pixels.

Source: Netzer, Wang, Coates, Bissacco, Wu and Ng, 2011, "Reading digits in natural images with unsupervised
feature learning".
"""

from __future__ import annotations

from twoplayer.data._base import Settings
from twoplayer.data._images import Images
from twoplayer.data._known import Hub, known
from twoplayer.data._located import Read

__all__ = ["Svhn"]


class Svhn(Read):
    """73,257 to train on, 26,032 held out."""

    def scan(self, settings: Settings) -> Images:
        return known("svhn", settings, side=32, hub=Hub("ufldl-stanford/svhn", "cropped_digits"))
