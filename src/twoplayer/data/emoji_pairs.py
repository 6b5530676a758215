"""The emoji that Google and Twitter have both drawn, in pairs, for translation from one style to the other.

Source: the npm packages ``emoji-datasource-google`` (Noto Emoji, Apache License 2.0) and ``emoji-datasource-twitter``
(Twemoji, CC BY 4.0).
"""

from __future__ import annotations

from twoplayer.data._base import Settings
from twoplayer.data._images import Images
from twoplayer.data._known import known
from twoplayer.data._located import Read

__all__ = ["EmojiPairs"]


class EmojiPairs(Read):
    """Where ``twoplayer data prepare emoji --pairs google twitter`` has put them."""

    def scan(self, settings: Settings) -> Images:
        advice = "run twoplayer data prepare emoji --pairs google twitter"
        return known("emoji-pairs", settings, side=None, hub=None, advice=advice)
