"""How samples are shared out: over the modes of a known density, over classes, and in the features of a classifier."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from twoplayer.diagnose import _measured as measured
from twoplayer.diagnose._course import Array

if TYPE_CHECKING:
    from twoplayer.diagnose._patient import Patient

__all__ = ["Features", "Modes", "Shares", "classes", "features", "modes", "places", "sureness"]


class Shares(NamedTuple):
    """The share of the samples at each mode or in each class, and what the data give it."""

    unit: str
    names: list[str]
    found: Array
    due: Array


class Modes(NamedTuple):
    """The modes of a known density, and how many of them `twoplayer evaluate` counts as covered."""

    shares: Shares
    """By the nearest mode, however far."""
    covered: int
    high_quality: float
    """The share of the samples that cover a mode."""


class Features(NamedTuple):
    """Samples and training data in a space in which distances mean something, ``(N, F)`` each."""

    samples: Array
    real: Array
    classes: Shares | None
    sure: float = 1.0
    """The probability that a classifier of the data gives its guess for a sample, their median."""


def modes(patient: Patient) -> Modes | None:
    """Counted as the metrics count them. None where there are no separate modes."""
    from twoplayer.measuring._choice import modes_of
    from twoplayer.metrics._modes import assign
    from twoplayer.metrics.high_quality_share import high_quality_share
    from twoplayer.metrics.modes_covered import modes_covered

    known = modes_of(patient.dataset)
    if known is None or len(known.centres) < 2:
        return None
    count, samples = len(known.centres), np.asarray(patient.samples, np.float64)
    owners = assign(samples, known).nearest
    found = np.bincount(owners, minlength=count) / len(samples)
    return Modes(
        Shares("mode", places(known.centres), found, known.weights),
        round(modes_covered(samples, known).value),
        high_quality_share(samples, known).value,
    )


def places(centres: Array) -> list[str]:
    """Centres ``(M, D)`` in words, to three figures of their largest coordinate: what is zero but for rounding is 0."""
    size = float(np.abs(centres).max()) or 1.0
    rounded = np.round(centres, 2 - math.floor(math.log10(size))) + 0.0  # not -0
    return [f"({', '.join(f'{x:.6g}' for x in centre)})" for centre in rounded]


def features(patient: Patient) -> Features:
    """By a classifier of the data's own labels where there are any, which is made if need be; else the values."""
    dataset = patient.dataset
    labels = dataset.train_labels
    if dataset.kind != "images" or labels is None or len(np.unique(labels)) < 2:
        samples, real = (
            np.asarray(measured.coordinates(x).cpu()) for x in (patient.shown, patient.seen(patient.stored))
        )
        return Features(samples, real, None)
    from twoplayer import extractors
    from twoplayer.extractors._base import Where

    where = Where(device=patient.run.placement.device, say=patient.say)
    name = "stacked-classifier" if getattr(dataset, "stacked", False) else "classifier"
    extractor = extractors.create(name, dataset, where)
    seen, real = extractor.extract(patient.samples), extractor.extract(patient.stored)
    shares = None if seen.logits is None or name != "classifier" else classes(patient, seen.logits, real.logits)
    return Features(seen.features, real.features, shares, 1.0 if seen.logits is None else sureness(seen.logits))


def sureness(logits: Array) -> float:
    """The median of the largest class probability, of logits ``(N, K)``."""
    above = np.asarray(logits, np.float64) - logits.max(1, keepdims=True)
    return float(np.median(1 / np.exp(above).sum(1)))


def classes(patient: Patient, samples: Array, real: Array) -> Shares:
    """By the classifier on both sides, so that what it mistakes is mistaken alike."""
    count = samples.shape[1]
    found, due = (np.bincount(x.argmax(1), minlength=count) / len(x) for x in (samples, real))
    known = patient.dataset.class_names
    names = [known[i] if i < len(known) else str(i) for i in range(count)]
    return Shares("class", names, found, due)
