"""How samples are shared out: over the modes of a known density, over classes, and in the features of a classifier."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from twoplayer.diagnose import _measured as measured
from twoplayer.diagnose._course import Array

if TYPE_CHECKING:
    from twoplayer.diagnose._patient import Patient

__all__ = ["Features", "Shares", "classes", "features", "modes"]


class Shares(NamedTuple):
    """The share of the samples at each mode or in each class, and what the data give it."""

    unit: str
    names: list[str]
    found: Array
    due: Array


class Features(NamedTuple):
    """Samples and training data in a space in which distances mean something, ``(N, F)`` each."""

    samples: Array
    real: Array
    classes: Shares | None


def modes(patient: Patient) -> Shares | None:
    """By the nearest mode, however far: a blurred mode is not a missing one. None where there are no separate modes."""
    density = patient.dataset.density
    if density is None or density.modes is None or density.mode_weights is None or len(density.modes) < 2:
        return None
    from twoplayer.metrics._nearest import nearest

    centres = np.asarray(density.modes, np.float64)
    owner = nearest(np.asarray(patient.samples, np.float64), centres, 1).indices[:, 0]
    found = np.bincount(owner, minlength=len(centres)) / len(owner)
    names = [f"({', '.join(f'{x:.3g}' for x in centre)})" for centre in centres]
    return Shares("mode", names, found, np.asarray(density.mode_weights, np.float64))


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
    return Features(seen.features, real.features, shares)


def classes(patient: Patient, samples: Array, real: Array) -> Shares:
    """By the classifier on both sides, so that what it mistakes is mistaken alike."""
    count = samples.shape[1]
    found, due = (np.bincount(x.argmax(1), minlength=count) / len(x) for x in (samples, real))
    known = patient.dataset.class_names
    names = [known[i] if i < len(known) else str(i) for i in range(count)]
    return Shares("class", names, found, due)
