"""Emoji in the drawings of Google and Twitter, with captions, and with skin tone, hair and gender as attributes.

Source: the npm packages ``emoji-datasource-google`` (Noto Emoji, Apache License 2.0) and ``emoji-datasource-twitter``
(Twemoji, CC BY 4.0).
"""

from __future__ import annotations

from twoplayer.data._base import DataSettings
from twoplayer.data._hub_location import locate_images
from twoplayer.data._images import Images
from twoplayer.data._path_source import ScannableSource

__all__ = ["EmojiImages"]


class EmojiImages(ScannableSource):
    """The folder that ``twoplayer data prepare emoji`` makes: images in colour with captions, labels and attributes."""

    def scan(self, settings: DataSettings) -> Images:
        return locate_images("emoji", settings, side=None, hub=None, advice="run twoplayer data prepare emoji")
