"""The emoji that Google and Twitter have both drawn, in pairs, for translation from one style to the other.

Source: the npm packages ``emoji-datasource-google`` (Noto Emoji, Apache License 2.0) and ``emoji-datasource-twitter``
(Twemoji, CC BY 4.0).
"""

from __future__ import annotations

from twoplayer.data._base import DataSettings
from twoplayer.data._hub_location import locate_images
from twoplayer.data._images import Images
from twoplayer.data._path_source import ScannableSource

__all__ = ["EmojiPairs"]


class EmojiPairs(ScannableSource):
    """What ``twoplayer data prepare emoji --pairs google twitter`` makes: Google's emoji are A, Twitter's B."""

    def scan(self, settings: DataSettings) -> Images:
        advice = "run twoplayer data prepare emoji --pairs google twitter"
        return locate_images("emoji-pairs", settings, side=None, hub=None, advice=advice)
