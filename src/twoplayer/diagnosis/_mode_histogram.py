"""How samples are shared out: over the modes of a known density, over classes, and in the features of a classifier."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from twoplayer.diagnosis import _probes as measured
from twoplayer.diagnosis._time_series import Array

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from twoplayer.data._base import Dataset

__all__ = ["FeaturePair", "ModeCoverage", "ModeHistogram", "classes", "features", "modes", "places", "sureness"]


class ModeHistogram(NamedTuple):
    """The share of the samples at each mode or in each class, and what the data give it."""

    unit: str
    names: list[str]
    found: Array
    due: Array


class ModeCoverage(NamedTuple):
    """The modes of a known density, and how many of them `twoplayer evaluate` counts as covered."""

    shares: ModeHistogram
    """By the nearest mode, however far."""
    covered: int
    high_quality: float
    """The share of the samples that cover a mode."""


class FeaturePair(NamedTuple):
    """Samples and training data in a space in which distances mean something, ``(N, F)`` each."""

    samples: Array
    real: Array
    classes: ModeHistogram | None
    sure: float = 1.0
    """The probability that a classifier of the data gives its guess for a sample, their median."""


def modes(dataset: Dataset, samples: Array) -> ModeCoverage | None:
    """Counted as the metrics count them. None where there are no separate modes."""
    from twoplayer.measurement._selection import modes_of
    from twoplayer.metrics._modes import assign
    from twoplayer.metrics.high_quality_share import high_quality_share
    from twoplayer.metrics.modes_covered import modes_covered

    known = modes_of(dataset)
    if known is None or len(known.centres) < 2:
        return None
    count, samples = len(known.centres), np.asarray(samples, np.float64)
    owners = assign(samples, known).nearest
    found = np.bincount(owners, minlength=count) / len(samples)
    return ModeCoverage(
        ModeHistogram("mode", places(known.centres), found, known.weights),
        round(modes_covered(samples, known).value),
        high_quality_share(samples, known).value,
    )


def places(centres: Array) -> list[str]:
    """Centres ``(M, D)`` in words, to three figures of their largest coordinate: what is zero but for rounding is 0."""
    size = float(np.abs(centres).max()) or 1.0
    rounded = np.round(centres, 2 - math.floor(math.log10(size))) + 0.0  # not -0
    return [f"({', '.join(f'{x:.6g}' for x in centre)})" for centre in rounded]


def features(
    dataset: Dataset,
    samples: Array,
    real: Array,
    *,
    to_network: Callable[[Array], Tensor],
    device: torch.device,
    say: Callable[[str], None] | None,
) -> FeaturePair:
    """By a classifier of the data's own labels where there are any, which is made if need be; else the values."""
    labels = dataset.train_labels
    if dataset.kind != "images" or labels is None or len(np.unique(labels)) < 2:
        points, real_points = (np.asarray(measured.coordinates(to_network(x)).cpu()) for x in (samples, real))
        return FeaturePair(points, real_points, None)
    from twoplayer import extractors
    from twoplayer.extractors._base import ExtractorContext

    where = ExtractorContext(device=device, say=say)
    name = "stacked-classifier" if getattr(dataset, "stacked", False) else "classifier"
    extractor = extractors.create(name, dataset, where)
    of_samples, of_real = extractor.extract(samples), extractor.extract(real)
    logits = of_samples.logits
    shares = None
    if logits is not None and of_real.logits is not None and name == "classifier":
        shares = classes(dataset.class_names, logits, of_real.logits)
    return FeaturePair(of_samples.features, of_real.features, shares, 1.0 if logits is None else sureness(logits))


def sureness(logits: Array) -> float:
    """The median of the largest class probability, of logits ``(N, K)``."""
    above = np.asarray(logits, np.float64) - logits.max(1, keepdims=True)
    return float(np.median(1 / np.exp(above).sum(1)))


def classes(known: Sequence[str], samples: Array, real: Array) -> ModeHistogram:
    """By the classifier on both sides, so that what it mistakes is mistaken alike."""
    count = samples.shape[1]
    found, due = (np.bincount(x.argmax(1), minlength=count) / len(x) for x in (samples, real))
    names = [known[i] if i < len(known) else str(i) for i in range(count)]
    return ModeHistogram("class", names, found, due)
