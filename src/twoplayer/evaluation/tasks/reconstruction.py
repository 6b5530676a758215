"""Reconstruction error of held-out samples, with that of the encoding of another sample as a baseline.

Source: Dumoulin et al. 2017, Adversarially Learned Inference (arXiv 1606.00704), section 4, reconstructions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, final

import numpy as np

from twoplayer.evaluation.tasks._base import Array, EvaluationTask, TaskContext, TaskResult, mean_value

if TYPE_CHECKING:
    from twoplayer.data._base import Dataset
    from twoplayer.inference.trained_run import TrainedRun

__all__ = ["Reconstruction"]

TASK = "reconstruction"
MAX_MEAN_SAMPLES = 10_000
"""Training samples of which the mean is taken."""
CHUNK = 500


@final
class Reconstruction(EvaluationTask):
    """Mean absolute difference between held-out samples and their reconstructions.

    Images are in units of [0, 1], points in their own. ``reconstruction_l1_of_another`` is the difference from the
    reconstruction of another held-out sample, ``reconstruction_l1_of_mean`` that from the mean of the training data:
    the baselines of a wrong encoding and of none.
    """

    required_run = "a run with an encoder, such as one of bigan"

    def applies_to(self, run: TrainedRun) -> bool:
        return run.has_encoder

    def missing_data(self, dataset: Dataset) -> str:
        return "" if len(dataset.held_out) > 1 else "held-out data"

    def measure(self, context: TaskContext) -> TaskResult:
        from twoplayer.measurement.reference_features import random_rows

        held_out = context.dataset.held_out
        samples = np.asarray(held_out[np.sort(random_rows(len(held_out), "held out", context.count))])
        reconstructions = context.run.reconstruct(samples).array
        mean = np.broadcast_to(_mean(context.dataset), samples.shape)
        values = [
            mean_value(
                f"reconstruction_l1{suffix}",
                _absolute_differences(samples, compared),
                task=TASK,
                higher_is_better=False,
            )
            for suffix, compared in (
                ("", reconstructions),
                ("_of_another", np.roll(reconstructions, 1, axis=0)),
                ("_of_mean", mean),
            )
        ]
        note = (
            "reconstruction_l1 is for held-out samples; of_another compares with the reconstruction of another sample, "
            "of_mean with the mean of the training data."
        )
        return TaskResult(tuple(values), (note,))


def _mean(dataset: Dataset) -> Array:
    """The mean training sample, as samples are stored."""
    rows = np.arange(len(dataset.train))[:: -(-len(dataset.train) // MAX_MEAN_SAMPLES)]
    mean = np.asarray(dataset.train[rows]).mean(0, dtype=np.float64)
    return np.asarray(mean.round() if dataset.kind == "images" else mean, dataset.train.dtype)


def _absolute_differences(samples: Array, compared: Array) -> Array:
    """Mean absolute difference of each pair of samples, ``(N,)``."""
    unit = 255 if samples.dtype == np.uint8 else 1
    pieces = (
        np.abs(samples[rows].astype(np.float64) - compared[rows]).reshape(len(rows), -1).mean(1) / unit
        for rows in np.array_split(np.arange(len(samples)), -(-len(samples) // CHUNK))
    )
    return np.concatenate(list(pieces))
