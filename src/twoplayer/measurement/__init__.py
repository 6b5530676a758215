"""Measuring samples against real data: extractors look, metrics count, and real data stand beside."""

from __future__ import annotations

from twoplayer.measurement._formatting import count_label, sample_count
from twoplayer.measurement._measure import Measurement, measure
from twoplayer.measurement._selection import ALIASES, UNLABELLED, WITHOUT_MODES, named_extractors, named_metrics

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
