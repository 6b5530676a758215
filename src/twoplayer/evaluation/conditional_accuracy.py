"""How often samples are what was asked for, and how like real ones of the same kind, by a judge of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from twoplayer.core.errors import UserError
from twoplayer.metrics._base import MetricValue

if TYPE_CHECKING:
    from pathlib import Path

    from twoplayer.data._attributes import Attribute
    from twoplayer.data._base import Dataset
    from twoplayer.inference.trained_run import TrainedRun

__all__ = ["AttributeAccuracy", "ConditionScore", "agreement", "figures"]

Array = np.ndarray[Any, Any]

MOST = 10_000
"""Samples that are asked for, and real ones that stand beside them, at most."""
REFERENCE = 20_000
"""Training samples that stand for each kind, all kinds together, at most."""
LEAST = 32
"""Samples of a kind from which on its distance counts."""
PARTS = 5
"""Parts into which the training data's values of a number fall, with equally many each."""
NEIGHBOURS = 5


@dataclass(frozen=True)
class ConditionScore:
    """What the judge finds in samples that should have an attribute's values."""

    found: float
    """Share in which it finds the value that they should have."""
    error: float
    """Standard error of `found`."""
    distance: float | None
    """Fréchet distance from the training samples of the same value, a mean over values; None with too few of each."""
    by_value: dict[str, float]
    """Share by the value that they should have."""
    count: int


@dataclass(frozen=True)
class AttributeAccuracy:
    """One attribute of a conditional run's samples, and of real ones."""

    attribute: str
    made: ConditionScore
    real: ConditionScore | None
    """Of held-out samples; None where none are."""
    chance: float
    """Share that a judge who always says the most frequent value would find in the training data."""


def agreement(
    run: TrainedRun,
    *,
    n: int = MOST,
    seed: int | None = None,
    dataset: Dataset | None = None,
    cache: Path | None = None,
    say: Callable[[str], None] | None = None,
) -> tuple[AttributeAccuracy, ...]:
    """For each attribute that the run was conditioned on, the class first: are its samples as asked?

    `n` samples are asked for as the training data are distributed (the run's own seed for None draws those that
    evaluating measures). The judge is a classifier of that attribute, trained on the run's real data alone; of points,
    their 5 nearest neighbours in the training data. A number counts as found where its fifth of the training data is.

    `dataset` is what the run was trained on; None opens it again.

    Raises `UserError` for a run that is not conditional, and where its data are gone or have changed.
    """
    from twoplayer.games._conditioned_inputs import ConditionedInputs
    from twoplayer.runs.dataset import reopen
    from twoplayer.sampling.generate import SampleFormat, draw

    inputs = run.inputs
    if not isinstance(inputs, ConditionedInputs):
        raise UserError(f"{run.path} cannot be asked for labels or attributes: give a run of a conditional game")
    dataset = reopen(run.folder) if dataset is None else dataset
    asked = inputs.draw(min(n, MOST), run.config.seed if seed is None else seed, "evaluation")
    samples = draw(run.generator, asked, SampleFormat.of(run.data), run.placement)
    given = asked[:, inputs.dimension :].numpy()
    return tuple(
        _agreement(kind, samples, given, _judge(kind.data, run.placement.device, cache, say))
        for kind in _kinds(inputs.traits, dataset)
        if len(set(_labels(kind.data).tolist())) > 1
    )


def figures(found: Iterable[AttributeAccuracy]) -> tuple[MetricValue, ...]:
    """What `agreement` found as figures such as ``label_found_10k`` and ``label_fd_within_10k``."""
    from twoplayer.measurement import count_label

    figures = list[MetricValue]()
    for one in found:
        real, name = one.real, one.attribute.replace(" ", "_")
        count = count_label(one.made.count)
        known = None if real is None else real.count
        figures.append(
            MetricValue(
                f"{name}_found_{count}", one.made.found, True, None if real is None else real.found, known,
                one.made.error, None if real is None else real.error,
            )
        )  # fmt: skip
        if one.made.distance is not None:
            ceiling = None if real is None else real.distance
            figures.append(MetricValue(f"{name}_fd_within_{count}", one.made.distance, False, ceiling, known))
    return tuple(figures)


@dataclass(frozen=True, eq=False)
class _Kind:
    """An attribute as classes: its values, or the parts of its range."""

    trait: Attribute
    place: slice
    data: Dataset
    """The data with these classes as labels."""
    edges: Array
    """Between the parts of a range, in the numbers of the codes; empty for values."""

    def classes(self, codes: Array) -> Array:
        """Class indices ``(N,)`` of codes ``(N, width)``."""
        mine = codes[:, self.place]
        return np.searchsorted(self.edges, mine[:, 0]) if self.trait.range is not None else mine.argmax(1)


def _kinds(traits: tuple[Attribute, ...], dataset: Dataset) -> list[_Kind]:
    from twoplayer.data._attributes import attribute_slices
    from twoplayer.games._attribute_codes import AttributeCodes

    kinds = []
    codes = AttributeCodes.of_training(traits, dataset)(np.arange(len(dataset.train)))
    others = np.arange(len(dataset.held_out))
    other = AttributeCodes.of_held_out(traits, dataset)(others) if len(others) else None
    own = {attribute.name for attribute in dataset.attributes}
    for trait, place in attribute_slices(traits):
        edges = np.array([]) if trait.range is None else _edges(codes[:, place.start])
        names = trait.values or tuple(f"part {part + 1}" for part in range(len(edges) + 1))
        kind = _Kind(trait, place, dataset, edges)
        labelled = replace(
            dataset,
            train_labels=kind.classes(codes),
            held_out_labels=None if other is None else kind.classes(other),
            class_names=names,
            key=dataset.key if trait.name not in own else f"{dataset.key} by {trait.name}",
        )
        kinds.append(replace(kind, data=labelled))
    return kinds


def _edges(numbers: Array) -> Array:
    """What parts the numbers, ``(N,)``, into parts of equally many; fewer where numbers repeat, and none empty."""
    below = numbers[numbers < numbers.max()]
    return np.unique(np.quantile(numbers, np.arange(1, PARTS) / PARTS).clip(max=below.max())) if len(below) else below


Judge = Callable[[Array], tuple[Array, Array]]
"""Samples to classes ``(N,)`` and features ``(N, F)``."""


def _judge(data: Dataset, device: Any, cache: Path | None, say: Callable[[str], None] | None) -> Judge:
    if data.kind == "points":
        return _neighbours(data)
    from twoplayer import extractors
    from twoplayer.extractors._base import ExtractorContext

    classifier = extractors.create("classifier", data, ExtractorContext(device, cache, say))

    def look(samples: Array) -> tuple[Array, Array]:
        seen = classifier.extract(samples)
        assert seen.logits is not None
        return seen.logits.argmax(1), seen.features

    return look


def _neighbours(data: Dataset) -> Judge:
    """The majority of the nearest training points, coordinates scaled to deviation 1, which are the features."""
    from sklearn.neighbors import KNeighborsClassifier

    centre, scale = data.train.mean(0), np.maximum(data.train.std(0), np.finfo(np.float32).tiny)
    nearest = KNeighborsClassifier(NEIGHBOURS).fit((data.train - centre) / scale, data.train_labels)

    def look(samples: Array) -> tuple[Array, Array]:
        features = (samples - centre) / scale
        return nearest.predict(features), features

    return look


def _agreement(kind: _Kind, samples: Array, given: Array, judge: Judge) -> AttributeAccuracy:
    from twoplayer.measurement._reference_features import places

    data = kind.data
    labels = _labels(data)
    rows = np.arange(len(data.train))[:: -(-len(data.train) // REFERENCE)]
    _, reference = judge(np.asarray(data.train[rows]))
    by_class = {c: reference[labels[rows] == c] for c in range(len(data.class_names))}
    real = None
    made_of = judge(samples), kind.classes(given)
    counts = np.bincount(made_of[1], minlength=len(data.class_names))
    if data.held_out_labels is not None:
        some = np.sort(places(len(data.held_out), "held out", MOST))  # files may lie class by class
        held_out, truth = np.asarray(data.held_out[some]), data.held_out_labels[some]
        counts = np.minimum(counts, np.bincount(truth, minlength=len(counts)))
        real = _finding(judge(held_out), truth, by_class, counts, data.class_names)
    made = _finding(*made_of, by_class, counts, data.class_names)
    chance = float(np.bincount(labels).max() / len(labels))
    return AttributeAccuracy(kind.trait.name, made, real, chance)


def _labels(data: Dataset) -> Array:
    assert data.train_labels is not None
    return data.train_labels


def _finding(
    seen: tuple[Array, Array], truth: Array, by_class: dict[int, Array], counts: Array, names: tuple[str, ...]
) -> ConditionScore:
    """`counts` is how many samples of each class a distance takes: as many of made ones as of real ones."""
    from twoplayer.metrics._frechet import frechet_distance, moments

    said, features = seen
    right = said == truth
    share = float(right.mean())
    distances = [
        frechet_distance(moments(features[truth == c][: counts[c]]), moments(real))
        for c, real in by_class.items()
        if min(counts[c], len(real)) >= LEAST
    ]
    return ConditionScore(
        share,
        float((share * (1 - share) / len(right)) ** 0.5),
        float(np.mean(distances)) if distances else None,
        {names[c]: float(right[truth == c].mean()) for c in np.unique(truth)},
        len(right),
    )
