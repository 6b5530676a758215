"""What is left of a held-out sample after encoder and generator, beside what another sample's encoding would leave.

Source: Dumoulin et al. 2017, Adversarially Learned Inference (arXiv 1606.00704), section 4, reconstructions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, final

import numpy as np

from twoplayer.evaluation.tasks._base import Array, EvaluationTask, TaskContext, TaskResult, mean_figure

if TYPE_CHECKING:
    from twoplayer.data._base import Dataset
    from twoplayer.inference.trained_run import TrainedRun

__all__ = ["Reconstruction"]


@final
class Reconstruction(EvaluationTask):
    """Mean absolute difference: of images in units of [0, 1], of points in their own.

    ``of_another`` is that of the reconstruction of another held-out sample, ``of_mean`` that of the mean of the
    training data: what a wrong encoding and none would give.
    """

    wants = "a run with an encoder, such as one of bigan"

    def serves(self, run: TrainedRun) -> bool:
        return bool(run.config.game["name"] == "bigan")

    def obstacle(self, dataset: Dataset) -> str:
        return "" if len(dataset.held_out) > 1 else "held-out data"

    def measure(self, asked: TaskContext) -> TaskResult:
        from twoplayer.measurement import count_label
        from twoplayer.measurement._reference_features import places

        held_out = asked.dataset.held_out
        samples = np.asarray(held_out[np.sort(places(len(held_out), "held out", asked.count))])
        back = asked.run.reconstruct(samples).array
        mean = np.broadcast_to(_mean(asked.dataset), samples.shape)
        count = count_label(len(samples))
        figures = [
            mean_figure(f"reconstruction_l1{what}_{count}", _apart(samples, other), higher_is_better=False)
            for what, other in (("", back), ("_of_another", np.roll(back, 1, axis=0)), ("_of_mean", mean))
        ]
        note = (
            "reconstruction_ figures are of held-out samples; of_another is what the reconstruction of another one, "
            "and of_mean what the mean of the training data comes to."
        )
        return TaskResult(tuple(figures), (note,))


def _mean(dataset: Dataset) -> Array:
    """The mean training sample, as samples are stored."""
    rows = np.arange(len(dataset.train))[:: -(-len(dataset.train) // 10_000)]
    mean = np.asarray(dataset.train[rows]).mean(0, dtype=np.float64)
    return np.asarray(mean.round() if dataset.kind == "images" else mean, dataset.train.dtype)


def _apart(samples: Array, others: Array) -> Array:
    """Mean absolute difference of each sample, ``(N,)``."""
    unit = 255 if samples.dtype == np.uint8 else 1
    pieces = (
        np.abs(samples[rows].astype(np.float64) - others[rows]).reshape(len(rows), -1).mean(1) / unit
        for rows in np.array_split(np.arange(len(samples)), -(-len(samples) // 500))
    )
    return np.concatenate(list(pieces))
