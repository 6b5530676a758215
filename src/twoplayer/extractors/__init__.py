"""The family of extractors, which turn samples into features: one file each, discovered by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twoplayer.core.registry import Family, lazy_attributes

if TYPE_CHECKING:
    from twoplayer.extractors._base import Extractor as Extractor
    from twoplayer.extractors._base import ExtractorContext as ExtractorContext
    from twoplayer.extractors._base import Features as Features

__all__ = ["Extractor", "ExtractorContext", "Features", "create", "describe", "family", "names"]

family = Family(__name__, root="twoplayer.extractors._base:Extractor")
names, create, describe = family.names, family.create, family.describe
__getattr__ = lazy_attributes(__name__, {"Extractor": "_base", "ExtractorContext": "_base", "Features": "_base"})
