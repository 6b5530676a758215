"""Measuring samples against real data: extractors look, metrics count, and real data stand beside."""

from __future__ import annotations

from twoplayer.measuring._choice import ALIASES, UNLABELLED, WITHOUT_MODES, named_extractors, named_metrics
from twoplayer.measuring._measure import Measurement, measure
from twoplayer.measuring._words import count_label, sample_count

__all__ = [
    "ALIASES",
    "UNLABELLED",
    "WITHOUT_MODES",
    "Measurement",
    "count_label",
    "measure",
    "named_extractors",
    "named_metrics",
    "sample_count",
]
