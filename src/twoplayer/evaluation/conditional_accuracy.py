"""Accuracy of an independent classifier on the conditions of samples, and Fréchet distances within classes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from twoplayer.core.errors import UserError
from twoplayer.metrics._base import Estimate, MetricValue

if TYPE_CHECKING:
    from pathlib import Path

    from twoplayer.data._attributes import Attribute
    from twoplayer.data._base import Dataset
    from twoplayer.inference.trained_run import TrainedRun

__all__ = ["AttributeAccuracy", "ConditionScore", "conditional_accuracies", "metric_values"]

Array = np.ndarray[Any, Any]

MAX_SAMPLES = 10_000
"""Generated samples, and held-out ones."""
MAX_REFERENCE_SAMPLES = 20_000
"""Training samples of all classes together from which distances are measured."""
MIN_SAMPLES_FOR_FD = 32
"""Samples of a class from which on its distance is measured."""
RANGE_CLASSES = 5
"""Classes into which the range of a numeric attribute is divided, equally frequent in the training data."""
NEIGHBOURS = 5
"""Neighbours of the classifier of points."""
TASK = "conditional-accuracy"


@dataclass(frozen=True)
class ConditionScore:
    """How well the samples of a set match the values of one attribute that they were generated for."""

    accuracy: float
    """Share of samples for which the classifier predicts that value."""
    error: float
    """Standard error of `accuracy`."""
    intra_fd: float | None
    """Mean over values of the Fréchet distance from training samples of the value; None for too few samples of each."""
    by_value: dict[str, float]
    """Accuracy for each value."""
    count: int


@dataclass(frozen=True)
class AttributeAccuracy:
    """The scores of one attribute."""

    attribute: str
    generated: ConditionScore
    real: ConditionScore | None
    """Of held-out samples; None where nothing is held out."""
    chance: float
    """Accuracy of predicting the most frequent value of the training data."""


def conditional_accuracies(
    run: TrainedRun,
    *,
    n: int = MAX_SAMPLES,
    seed: int | None = None,
    dataset: Dataset | None = None,
    cache: Path | None = None,
    progress: Callable[[str], None] | None = None,
) -> tuple[AttributeAccuracy, ...]:
    """The conditional accuracy of a run for each attribute that it was conditioned on, the class label first.

    The classifier of an attribute is trained on the run's real data only; for points it is the vote of the 5 nearest
    training points. A number is classified into fifths of the training data.

    Args:
        run: a run of a conditional game.
        n: number of samples, at most 10,000, with conditions distributed as in the training data.
        seed: seed of the samples; None takes the run's own, which gives the samples of an evaluation.
        dataset: the data set that the run was trained on; None opens it again.
        cache: folder of trained classifiers.
        progress: callback of progress lines.

    Raises:
        UserError: for a run without conditions, and where its data are gone or have changed.
    """
    from twoplayer.games._conditioned_inputs import ConditionedInputs
    from twoplayer.runs.dataset import reopen
    from twoplayer.sampling.generate import SampleFormat, draw

    inputs = run.inputs
    if not isinstance(inputs, ConditionedInputs):
        raise UserError(f"{run.path} has no labels or attributes as conditions: give a run of a conditional game")
    dataset = reopen(run.folder) if dataset is None else dataset
    drawn = inputs.draw(min(n, MAX_SAMPLES), run.config.seed if seed is None else seed, "evaluation")
    samples = draw(run.generator, drawn, SampleFormat.of(run.data), run.placement)
    conditions = drawn[:, inputs.dimension :].numpy()
    return tuple(
        _attribute_accuracy(each, samples, conditions, _classifier(each.data, run.placement.device, cache, progress))
        for each in _attribute_classes(inputs.attributes, dataset)
        if len(set(_train_labels(each.data).tolist())) > 1
    )


def metric_values(accuracies: Iterable[AttributeAccuracy]) -> tuple[MetricValue, ...]:
    """The scores as values such as ``label_accuracy_10k`` and ``label_intra_fd_10k``."""
    values = list[MetricValue]()
    for each in accuracies:
        generated, real, name = each.generated, each.real, each.attribute.replace(" ", "_")
        real_count = None if real is None else real.count
        values.append(
            MetricValue.of(
                f"{name}_accuracy", generated.count, Estimate(generated.accuracy, generated.error),
                higher_is_better=True, real=None if real is None else Estimate(real.accuracy, real.error),
                real_count=real_count, metric=TASK,
            )
        )  # fmt: skip
        if generated.intra_fd is not None:
            real_fd = None if real is None or real.intra_fd is None else Estimate(real.intra_fd)
            values.append(
                MetricValue.of(
                    f"{name}_intra_fd", generated.count, Estimate(generated.intra_fd), higher_is_better=False,
                    real=real_fd, real_count=real_count, metric=TASK,
                )
            )  # fmt: skip
    return tuple(values)


@dataclass(frozen=True, eq=False)
class _AttributeClasses:
    """An attribute as classes: its values, or intervals of its range."""

    attribute: Attribute
    columns: slice
    """The attribute's columns of the condition codes."""
    data: Dataset
    """The data set with these classes as labels."""
    edges: Array
    """Boundaries between the intervals of a range, in units of the codes; empty for an attribute with values."""

    def class_indices(self, codes: Array) -> Array:
        """Class indices ``(N,)`` of condition codes ``(N, width)``."""
        own = codes[:, self.columns]
        return np.searchsorted(self.edges, own[:, 0]) if self.attribute.range is not None else own.argmax(1)


def _attribute_classes(attributes: tuple[Attribute, ...], dataset: Dataset) -> list[_AttributeClasses]:
    from twoplayer.data._attributes import attribute_slices
    from twoplayer.games._attribute_codes import AttributeCodes

    result = []
    codes = AttributeCodes.of_training(attributes, dataset)(np.arange(len(dataset.train)))
    held_out_rows = np.arange(len(dataset.held_out))
    held_out = AttributeCodes.of_held_out(attributes, dataset)(held_out_rows) if len(held_out_rows) else None
    annotated = {attribute.name for attribute in dataset.attributes}
    for attribute, columns in attribute_slices(attributes):
        edges = np.array([]) if attribute.range is None else _quantile_edges(codes[:, columns.start])
        names = attribute.values or tuple(f"part {part + 1}" for part in range(len(edges) + 1))
        classes = _AttributeClasses(attribute, columns, dataset, edges)
        labelled = replace(
            dataset,
            train_labels=classes.class_indices(codes),
            held_out_labels=None if held_out is None else classes.class_indices(held_out),
            class_names=names,
            key=dataset.key if attribute.name not in annotated else f"{dataset.key} by {attribute.name}",
        )
        result.append(replace(classes, data=labelled))
    return result


def _quantile_edges(numbers: Array) -> Array:
    """Boundaries that divide numbers ``(N,)`` into equally frequent intervals; fewer for repeated numbers."""
    below = numbers[numbers < numbers.max()]
    shares = np.arange(1, RANGE_CLASSES) / RANGE_CLASSES
    return np.unique(np.quantile(numbers, shares).clip(max=below.max())) if len(below) else below


class _Classified(NamedTuple):
    """Predicted classes ``(N,)`` and features ``(N, F)`` of samples."""

    classes: Array
    features: Array


_Classifier = Callable[[Array], _Classified]


def _classifier(data: Dataset, device: Any, cache: Path | None, progress: Callable[[str], None] | None) -> _Classifier:
    if data.kind == "points":
        return _nearest_neighbour_classifier(data)
    from twoplayer import extractors
    from twoplayer.extractors._base import ExtractorContext

    extractor = extractors.create("classifier", data, ExtractorContext(device, cache, progress))

    def classify(samples: Array) -> _Classified:
        extracted = extractor.extract(samples)
        assert extracted.logits is not None
        return _Classified(extracted.logits.argmax(1), extracted.features)

    return classify


def _nearest_neighbour_classifier(data: Dataset) -> _Classifier:
    """The vote of the nearest training points; features are the standardized coordinates."""
    from sklearn.neighbors import KNeighborsClassifier

    centre, scale = data.train.mean(0), np.maximum(data.train.std(0), np.finfo(np.float32).tiny)
    nearest = KNeighborsClassifier(NEIGHBOURS).fit((data.train - centre) / scale, data.train_labels)

    def classify(samples: Array) -> _Classified:
        features = (samples - centre) / scale
        return _Classified(nearest.predict(features), features)

    return classify


def _attribute_accuracy(
    classes: _AttributeClasses, samples: Array, conditions: Array, classify: _Classifier
) -> AttributeAccuracy:
    from twoplayer.measurement.reference_features import random_rows

    data, labels = classes.data, _train_labels(classes.data)
    rows = np.arange(len(data.train))[:: -(-len(data.train) // MAX_REFERENCE_SAMPLES)]
    reference = classify(np.asarray(data.train[rows])).features
    by_class = {c: reference[labels[rows] == c] for c in range(len(data.class_names))}
    real = None
    generated, expected = classify(samples), classes.class_indices(conditions)
    counts = np.bincount(expected, minlength=len(data.class_names))
    if data.held_out_labels is not None:
        held_out_rows = np.sort(
            random_rows(len(data.held_out), "held out", MAX_SAMPLES)
        )  # files may be sorted by class
        held_out, targets = np.asarray(data.held_out[held_out_rows]), data.held_out_labels[held_out_rows]
        counts = np.minimum(counts, np.bincount(targets, minlength=len(counts)))
        real = _score(classify(held_out), targets, by_class, counts, data.class_names)
    score = _score(generated, expected, by_class, counts, data.class_names)
    chance = float(np.bincount(labels).max() / len(labels))
    return AttributeAccuracy(classes.attribute.name, score, real, chance)


def _train_labels(data: Dataset) -> Array:
    assert data.train_labels is not None
    return data.train_labels


def _score(
    classified: _Classified, expected: Array, by_class: dict[int, Array], counts: Array, names: tuple[str, ...]
) -> ConditionScore:
    """The score of samples; `counts` is the number of samples of each class for distances, equal for both sets."""
    from twoplayer.metrics._frechet import frechet_distance, moments

    correct = classified.classes == expected
    accuracy = float(correct.mean())
    distances = [
        frechet_distance(moments(classified.features[expected == c][: counts[c]]), moments(real))
        for c, real in by_class.items()
        if min(counts[c], len(real)) >= MIN_SAMPLES_FOR_FD
    ]
    return ConditionScore(
        accuracy,
        float((accuracy * (1 - accuracy) / len(correct)) ** 0.5),
        float(np.mean(distances)) if distances else None,
        {names[c]: float(correct[expected == c].mean()) for c in np.unique(expected)},
        len(correct),
    )
