"""What encodings know of classes that were never told: the nearest neighbour's label, and a linear probe.

Source: Donahue, Krähenbühl & Darrell 2017, Adversarial Feature Learning (arXiv 1605.09782), section 4.1 and table 1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, final

import numpy as np

from twoplayer.evaluation.tasks._base import Array, EvaluationTask, TaskContext, TaskResult, mean_figure

if TYPE_CHECKING:
    from twoplayer.data._base import Dataset
    from twoplayer.inference.trained_run import TrainedRun
    from twoplayer.metrics import MetricValue

__all__ = ["LinearProbes"]

KNOWN, ASKED = 10_000, 5_000
"""Training samples that are known with their labels, and held-out ones that are asked for, at most."""


class _ProbeSplit(NamedTuple):
    samples: Array
    labels: Array


@final
class LinearProbes(EvaluationTask):
    """Accuracies of 1-NN and of logistic regression, by encodings, critic features, raw values and a random encoder."""

    wants = "a run with an encoder, such as one of bigan"
    slow = True

    def serves(self, run: TrainedRun) -> bool:
        return bool(run.config.game["name"] == "bigan")

    def obstacle(self, dataset: Dataset) -> str:
        labelled = dataset.train_labels is not None and dataset.held_out_labels is not None
        classes = len(np.unique(dataset.train_labels)) if dataset.train_labels is not None else 0
        return "" if labelled and classes > 1 and len(dataset.held_out) > 1 else "held-out data with labels"

    def measure(self, asked: TaskContext) -> TaskResult:
        from twoplayer.measurement import count_label

        known, others = _parts(asked.dataset)
        figures: list[MetricValue] = []
        count = count_label(len(others.labels))
        for name, represent in _representations(asked.run).items():
            if asked.say:
                asked.say(f"probing what {name} knows")
            seen, shown = represent(known.samples), represent(others.samples)
            for kind, right in (("1nn", neighbour_is_right), ("linear", probe_is_right)):
                hits = right(seen, known.labels, shown, others.labels)
                figures.append(mean_figure(f"{kind}_by_{name}_{count}", hits, higher_is_better=True))
        note = (
            f"Of the labels of {len(known.labels):,} training samples; random_encoder is the run's own before its "
            "training."
        )
        return TaskResult(tuple(figures), (note,))


def neighbour_is_right(known: Array, labels: Array, asked: Array, truth: Array) -> Array:
    """Which rows of `asked` ``(N, F)`` have the label of their nearest neighbour in `known`: bool ``(N,)``."""
    from sklearn.neighbors import KNeighborsClassifier

    said = KNeighborsClassifier(1, algorithm="brute").fit(known, labels).predict(asked)
    return np.asarray(said == truth)


def probe_is_right(known: Array, labels: Array, asked: Array, truth: Array) -> Array:
    """Which rows of `asked` ``(N, F)`` a logistic regression on standardized features labels rightly: bool ``(N,)``."""
    import warnings

    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of not having converged in 200 iterations
        said = make_pipeline(StandardScaler(), LogisticRegression(max_iter=200)).fit(known, labels).predict(asked)
    return np.asarray(said == truth)


def untrained_encoder(run: TrainedRun) -> Callable[[Array], Array]:
    """The run's encoder as it was before its first round, of samples as the data are stored."""
    from twoplayer.games._factory import DataSpec
    from twoplayer.sampling.generate import SampleFormat, encode
    from twoplayer.training.build import build_game

    game = build_game(run.config, DataSpec.of(run.data), run.placement)
    generator = game.sampler.eval().requires_grad_(False)
    return lambda samples: encode(generator.encode, samples, SampleFormat.of(run.data), run.placement)  # type: ignore[arg-type]


def raw_values(samples: Array) -> Array:
    """Samples in one row each, float32 ``(N, F)``: images in units of [0, 1]."""
    unit = 255 if samples.dtype == np.uint8 else 1
    return np.asarray(samples.reshape(len(samples), -1), np.float32) / unit


def _representations(run: TrainedRun) -> dict[str, Callable[[Array], Array]]:
    return {
        "encoder": run.encode,
        "critic": lambda samples: run.encode(samples, by="critic"),
        "pixels" if run.data["kind"] == "images" else "coordinates": raw_values,
        "random_encoder": untrained_encoder(run),
    }


def _parts(dataset: Dataset) -> tuple[_ProbeSplit, _ProbeSplit]:
    from twoplayer.measurement._reference_features import places

    assert dataset.train_labels is not None and dataset.held_out_labels is not None
    rows = np.sort(places(len(dataset.train), "rows of a probe", KNOWN))
    others = np.sort(places(len(dataset.held_out), "held out", ASKED))  # files may lie class by class
    known = _ProbeSplit(np.asarray(dataset.train[rows]), dataset.train_labels[rows])
    return known, _ProbeSplit(np.asarray(dataset.held_out[others]), dataset.held_out_labels[others])
