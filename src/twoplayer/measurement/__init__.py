"""Measuring samples against real data: extractors compute features, metrics compare them with those of real data."""

from __future__ import annotations

from twoplayer.measurement._measure import Measurement, measure
from twoplayer.measurement.plan import (
    METRIC_ALIASES,
    NOTE_NO_LABELS,
    NOTE_NO_MODES,
    ExtractorSpec,
    MetricSpec,
    default_sample_count,
    parse_extractors,
    parse_metrics,
)
from twoplayer.metrics._base import count_label

__all__ = [
    "METRIC_ALIASES",
    "NOTE_NO_LABELS",
    "NOTE_NO_MODES",
    "ExtractorSpec",
    "Measurement",
    "MetricSpec",
    "count_label",
    "default_sample_count",
    "measure",
    "parse_extractors",
    "parse_metrics",
]
