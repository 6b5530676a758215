"""Classification of encodings that were trained without labels: nearest neighbour and linear probe.

Source: Donahue, Krähenbühl & Darrell 2017, Adversarial Feature Learning (arXiv 1605.09782), section 4.1 and table 1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, final

import numpy as np

from twoplayer.evaluation.tasks._base import Array, EvaluationTask, TaskContext, TaskResult, mean_value

if TYPE_CHECKING:
    from twoplayer.data._base import Dataset
    from twoplayer.inference.trained_run import TrainedRun
    from twoplayer.metrics import MetricValue

__all__ = ["LinearProbes"]

TASK = "linear-probes"
MAX_TRAIN_SAMPLES, MAX_TEST_SAMPLES = 10_000, 5_000


class _LabelledSamples(NamedTuple):
    samples: Array
    labels: Array


@final
class LinearProbes(EvaluationTask):
    """Accuracies of a nearest-neighbour classifier and of logistic regression on several representations.

    ``probe_1nn_encoder`` and ``probe_linear_encoder`` are those of the run's encoder; the others are its critic's
    features, raw pixels or coordinates, and the encoder before training. Both classifiers are trained on labelled
    training samples and tested on held-out samples.
    """

    required_run = "a run with an encoder, such as one of bigan"
    slow = True

    def applies_to(self, run: TrainedRun) -> bool:
        return run.has_encoder

    def missing_data(self, dataset: Dataset) -> str:
        labelled = dataset.train_labels is not None and dataset.held_out_labels is not None
        classes = len(np.unique(dataset.train_labels)) if dataset.train_labels is not None else 0
        return "" if labelled and classes > 1 and len(dataset.held_out) > 1 else "held-out data with labels"

    def measure(self, context: TaskContext) -> TaskResult:
        train, test = _labelled_parts(context.dataset)
        values: list[MetricValue] = []
        for name, represent in _representations(context.run).items():
            if context.progress:
                context.progress(f"linear probes: {name}")
            train_features, test_features = represent(train.samples), represent(test.samples)
            for probe, is_correct in (("1nn", nearest_neighbour_correct), ("linear", logistic_regression_correct)):
                correct = is_correct(train_features, train.labels, test_features, test.labels)
                values.append(mean_value(f"probe_{probe}_{name}", correct, task=TASK, higher_is_better=True))
        note = (
            f"Probes are trained on {len(train.labels):,} training samples; random_encoder is the run's encoder before "
            "training."
        )
        return TaskResult(tuple(values), (note,))


def nearest_neighbour_correct(train: Array, labels: Array, test: Array, test_labels: Array) -> Array:
    """Which rows of `test` ``(N, F)`` have the label of their nearest neighbour in `train`, bool ``(N,)``."""
    from sklearn.neighbors import KNeighborsClassifier

    predicted = KNeighborsClassifier(1, algorithm="brute").fit(train, labels).predict(test)
    return np.asarray(predicted == test_labels)


def logistic_regression_correct(train: Array, labels: Array, test: Array, test_labels: Array) -> Array:
    """Which rows of `test` ``(N, F)`` logistic regression on standardized features classifies correctly: ``(N,)``."""
    import warnings

    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on convergence within 200 iterations
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=200)).fit(train, labels)
        predicted = model.predict(test)
    return np.asarray(predicted == test_labels)


def untrained_encoder(run: TrainedRun) -> Callable[[Array], Array]:
    """The run's encoder before its first step: a function of samples as the data are stored."""
    from twoplayer.games._factory import DataSpec
    from twoplayer.sampling.generate import SampleFormat, encode
    from twoplayer.training.build import build_problem

    game = build_problem(run.config, DataSpec.of(run.data), run.placement)
    generator = game.sampler.eval().requires_grad_(False)
    return lambda samples: encode(generator.encode, samples, SampleFormat.of(run.data), run.placement)  # type: ignore[arg-type]


def raw_values(samples: Array) -> Array:
    """Samples as rows, float32 ``(N, F)``; images in units of [0, 1]."""
    unit = 255 if samples.dtype == np.uint8 else 1
    return np.asarray(samples.reshape(len(samples), -1), np.float32) / unit


def _representations(run: TrainedRun) -> dict[str, Callable[[Array], Array]]:
    return {
        "encoder": run.encode,
        "critic": lambda samples: run.encode(samples, by="critic"),
        "pixels" if run.data["kind"] == "images" else "coordinates": raw_values,
        "random_encoder": untrained_encoder(run),
    }


def _labelled_parts(dataset: Dataset) -> tuple[_LabelledSamples, _LabelledSamples]:
    from twoplayer.measurement.reference_features import random_rows

    assert dataset.train_labels is not None and dataset.held_out_labels is not None
    train_rows = np.sort(random_rows(len(dataset.train), "rows of a probe", MAX_TRAIN_SAMPLES))
    test_rows = np.sort(random_rows(len(dataset.held_out), "held out", MAX_TEST_SAMPLES))
    train = _LabelledSamples(np.asarray(dataset.train[train_rows]), dataset.train_labels[train_rows])
    return train, _LabelledSamples(np.asarray(dataset.held_out[test_rows]), dataset.held_out_labels[test_rows])
