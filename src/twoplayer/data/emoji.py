"""Emoji in the drawings of Google and Twitter, with captions, and with skin tone, hair and gender as attributes.

Source: the npm packages ``emoji-datasource-google`` (Noto Emoji, Apache License 2.0) and ``emoji-datasource-twitter``
(Twemoji, CC BY 4.0).
"""

from __future__ import annotations

from typing import Any, Literal

from twoplayer.data._base import Settings
from twoplayer.data._images import Images
from twoplayer.data._known import known
from twoplayer.data._located import Read

__all__ = ["Emoji"]

VARIANTS: dict[str, dict[str, Any]] = {"emoji": {"layout": "single"}, "emoji-pairs": {"layout": "pairs"}}


class Emoji(Read):
    """Where ``twoplayer data prepare emoji`` has put them.

    ``emoji`` has labels, captions and attributes; ``emoji-pairs`` the same emoji by both vendors, for translation.
    """

    def __init__(self, *, layout: Literal["single", "pairs"]) -> None:
        self.layout = layout

    def scan(self, settings: Settings) -> Images:
        if self.layout == "pairs":
            advice = "run twoplayer data prepare emoji --pairs google twitter"
            return known("emoji-pairs", settings, side=None, hub=None, advice=advice)
        return known("emoji", settings, side=None, hub=None, advice="run twoplayer data prepare emoji")
