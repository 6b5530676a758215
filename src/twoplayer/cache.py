"""Where what can be made again is kept between runs: decoded images, public data, trained classifiers."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["cache_root"]


def cache_root(given: Path | None = None) -> Path:
    """The cache folder: the one given, else $TWOPLAYER_CACHE, else ~/.cache/twoplayer; it need not exist."""
    named = given or os.environ.get("TWOPLAYER_CACHE")
    return Path(named).expanduser() if named else Path.home() / ".cache" / "twoplayer"
