"""The distribution of samples over the modes of a known density or over classes, and features of samples and data."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from twoplayer.diagnosis._probes import flat_samples
from twoplayer.diagnosis._time_series import Array

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from twoplayer.data._base import Dataset

__all__ = [
    "FeaturePair",
    "ModeCoverage",
    "ModeHistogram",
    "class_histogram",
    "classifier_confidence",
    "features",
    "mode_coverage",
    "mode_labels",
]


class ModeHistogram(NamedTuple):
    """The share of the samples at each mode or in each class, and the share of the data."""

    unit: str
    """``"mode"`` or ``"class"``."""
    names: list[str]
    sample_shares: Array
    """``(M,)``, as are `data_shares`."""
    data_shares: Array


class ModeCoverage(NamedTuple):
    """How samples are distributed over the modes of a known density."""

    histogram: ModeHistogram
    """By the nearest mode, at any distance."""
    covered: int
    """Modes covered, as the metric ``modes-covered`` counts them."""
    high_quality: float
    """The share of samples within 3 standard deviations of a mode, as the metric ``high-quality-share``."""


class FeaturePair(NamedTuple):
    """Features ``(N, F)`` of samples and of training data, in a space in which distances are meaningful."""

    samples: Array
    real: Array
    histogram: ModeHistogram | None
    """Over classes, where a classifier of single labels was used."""
    confidence: float = 1.0
    """The median over samples of the largest class probability; 1 without a classifier."""


def mode_coverage(dataset: Dataset, samples: Array) -> ModeCoverage | None:
    """Assign samples ``(N, D)`` to the modes of the data's density; None for data without separate modes."""
    from twoplayer.measurement.plan import modes_of
    from twoplayer.metrics._modes import assign
    from twoplayer.metrics.high_quality_share import high_quality_share
    from twoplayer.metrics.modes_covered import modes_covered

    modes = modes_of(dataset)
    if modes is None or len(modes.centres) < 2:
        return None
    samples = np.asarray(samples, np.float64)
    counts = np.bincount(assign(samples, modes).nearest, minlength=len(modes.centres))
    return ModeCoverage(
        ModeHistogram("mode", mode_labels(modes.centres), counts / len(samples), modes.weights),
        round(modes_covered(samples, modes).value),
        high_quality_share(samples, modes).value,
    )


def mode_labels(centres: Array) -> list[str]:
    """Centres ``(M, D)`` as text, to three significant digits of their largest coordinate.

    >>> mode_labels(np.array([[6.12e-17, 1], [-0.70710678, 0.70710678]]))
    ['(0, 1)', '(-0.71, 0.71)']
    """
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
    progress: Callable[[str], None] | None,
) -> FeaturePair:
    """Features of samples and training data.

    For images with labels the features of a classifier of these labels, which is trained if there is none yet; else
    the flattened values.

    Args:
        dataset: the data set.
        samples: samples in stored form.
        real: training data in stored form.
        to_network: maps stored samples to the form in which the networks receive them.
        device: where the classifier computes.
        progress: is called with a line of text while a classifier is trained.
    """
    labels = dataset.train_labels
    if dataset.kind != "images" or labels is None or len(np.unique(labels)) < 2:
        sample_rows, real_rows = (np.asarray(flat_samples(to_network(x)).cpu()) for x in (samples, real))
        return FeaturePair(sample_rows, real_rows, None)
    from twoplayer import extractors
    from twoplayer.extractors._base import ExtractorContext

    name = "stacked-classifier" if getattr(dataset, "stacked", False) else "classifier"
    extractor = extractors.create(name, dataset, ExtractorContext(device=device, progress=progress))
    of_samples, of_real = extractor.extract(samples), extractor.extract(real)
    logits = of_samples.logits
    histogram = None
    if logits is not None and of_real.logits is not None and name == "classifier":
        histogram = class_histogram(dataset.class_names, logits, of_real.logits)
    confidence = 1.0 if logits is None else classifier_confidence(logits)
    return FeaturePair(of_samples.features, of_real.features, histogram, confidence)


def classifier_confidence(logits: Array) -> float:
    """The median over samples of the largest class probability.

    Args:
        logits: ``(N, K)``.

    >>> classifier_confidence(np.zeros((3, 4)))
    0.25
    """
    shifted = np.asarray(logits, np.float64) - logits.max(1, keepdims=True)
    return float(np.median(1 / np.exp(shifted).sum(1)))


def class_histogram(class_names: Sequence[str], sample_logits: Array, real_logits: Array) -> ModeHistogram:
    """Shares of the predicted classes; predictions on both sides, so that the classifier's errors affect both alike.

    Args:
        class_names: names by index; a class beyond them is called by its index.
        sample_logits: ``(N, K)``.
        real_logits: ``(M, K)``.
    """
    count = sample_logits.shape[1]
    sample_shares, data_shares = (
        np.bincount(x.argmax(1), minlength=count) / len(x) for x in (sample_logits, real_logits)
    )
    names = [class_names[i] if i < len(class_names) else str(i) for i in range(count)]
    return ModeHistogram("class", names, sample_shares, data_shares)
