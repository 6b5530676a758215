"""How near do translations come to their true partners, and would the given image have been as near.

Source: Isola, Zhu, Zhou & Efros 2017, Image-to-Image Translation with Conditional Adversarial Networks (arXiv
1611.07004), whose L1 this is; features, Zhang et al. 2018, The Unreasonable Effectiveness of Deep Features as a
Perceptual Metric (arXiv 1801.03924), equation 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, final

import numpy as np

from twoplayer.evaluation.tasks._base import Array, EvaluationTask, TaskContext, TaskResult, mean_figure

if TYPE_CHECKING:
    from twoplayer.data._base import Dataset
    from twoplayer.inference.trained_run import TrainedRun
    from twoplayer.metrics import MetricValue

__all__ = ["TranslationError"]


@final
class TranslationError(EvaluationTask):
    """Mean absolute difference in units of [0, 1] and distance of local features, of up to 1,000 held-out pairs.

    ``of_inputs`` are the same figures of the given images, untouched: what doing nothing comes to.
    """

    wants = "a run of pix2pix or cyclegan"

    def serves(self, run: TrainedRun) -> bool:
        return str(run.config.game["name"]).endswith("translation")

    def obstacle(self, dataset: Dataset) -> str:
        there = dataset.paired and dataset.partner_held_out is not None and len(dataset.partner_held_out)
        return "" if there else "pairs that are held out"

    def measure(self, asked: TaskContext) -> TaskResult:
        from twoplayer.games._translation import KEPT
        from twoplayer.inference.translate import translate
        from twoplayer.measurement._reference_features import places

        rows = np.sort(places(len(asked.dataset.held_out), "held out", min(asked.count, KEPT)))
        given, true = (np.asarray(side[rows]) for side in _sides(asked))
        made = np.stack(translate(asked.run, list(given)))
        untouched = _like(given, true.shape[-1])
        note = (
            "partner_ figures hold translations of held-out images against their true partners; of_inputs are those "
            "of the given images, untouched."
        )
        return TaskResult((*_figures(made, true, ""), *_figures(untouched, true, "_of_inputs")), (note,))


def _sides(asked: TaskContext) -> tuple[Array, Array]:
    """Held-out images that are given, and those that are wanted."""
    other = asked.dataset.partner_held_out
    assert other is not None
    forth = asked.run.config.game.get("direction", "AtoB") == "AtoB"
    return (asked.dataset.held_out, other) if forth else (other, asked.dataset.held_out)


def _like(images: Array, channels: int) -> Array:
    """Images ``(N, H, W, C)`` with that many channels: gray ones thrice, or the mean of three."""
    if images.shape[-1] == channels:
        return images
    if channels == 3:
        return images.repeat(3, -1)
    return np.asarray(images.mean(-1, keepdims=True).round(), np.uint8)


def _figures(made: Array, true: Array, what: str) -> tuple[MetricValue, MetricValue]:
    from twoplayer.inference.translate import distances
    from twoplayer.measurement import count_label

    count, found = count_label(len(made)), distances(made, true)
    return (
        mean_figure(f"partner_l1{what}_{count}", found.l1, higher_is_better=False),
        mean_figure(f"partner_features{what}_{count}", found.perceptual, higher_is_better=False),
    )
