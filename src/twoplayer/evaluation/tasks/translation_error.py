"""Distance of translations from their true partners, with that of the untranslated images as a baseline.

Source: Isola, Zhu, Zhou & Efros 2017, Image-to-Image Translation with Conditional Adversarial Networks (arXiv
1611.07004), for the L1 distance; Zhang et al. 2018, The Unreasonable Effectiveness of Deep Features as a Perceptual
Metric (arXiv 1801.03924), equation 1, for the perceptual distance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, final

import numpy as np

from twoplayer.evaluation.tasks._base import Array, EvaluationTask, TaskContext, TaskResult, mean_value

if TYPE_CHECKING:
    from twoplayer.data._base import Dataset
    from twoplayer.inference.trained_run import TrainedRun
    from twoplayer.metrics import MetricValue

__all__ = ["TranslationError"]

TASK = "translation-error"
MAX_PAIRS = 1_000


@final
class TranslationError(EvaluationTask):
    """L1 distance in units of [0, 1] and perceptual distance of up to 1,000 held-out pairs.

    ``translation_error_l1_of_inputs`` and ``translation_error_perceptual_of_inputs`` are the distances of the input
    images themselves, which a useful translation must be below.
    """

    required_run = "a run of pix2pix or cyclegan"

    def applies_to(self, run: TrainedRun) -> bool:
        return run.translates

    def missing_data(self, dataset: Dataset) -> str:
        paired = dataset.paired and dataset.partner_held_out is not None and len(dataset.partner_held_out)
        return "" if paired else "pairs that are held out"

    def measure(self, context: TaskContext) -> TaskResult:
        from twoplayer.inference.translate import translate
        from twoplayer.measurement.reference_features import random_rows

        rows = np.sort(random_rows(len(context.dataset.held_out), "held out", min(context.count, MAX_PAIRS)))
        inputs, targets = (np.asarray(side[rows]) for side in _sides(context))
        translations = np.stack(translate(context.run, list(inputs)))
        untranslated = _with_channels(inputs, targets.shape[-1])
        note = (
            "translation_error compares translations of held-out images with their true partners, of_inputs the input "
            "images themselves."
        )
        values = (*_distances(translations, targets, ""), *_distances(untranslated, targets, "_of_inputs"))
        return TaskResult(values, (note,))


def _sides(context: TaskContext) -> tuple[Array, Array]:
    """Held-out images of the input side and of the target side."""
    partners = context.dataset.partner_held_out
    assert partners is not None
    forward = context.run.config.game.get("direction", "AtoB") == "AtoB"
    return (context.dataset.held_out, partners) if forward else (partners, context.dataset.held_out)


def _with_channels(images: Array, channels: int) -> Array:
    """Images ``(N, H, W, C)`` with that many channels: gray repeated three times, or the mean of three."""
    if images.shape[-1] == channels:
        return images
    if channels == 3:
        return images.repeat(3, -1)
    return np.asarray(images.mean(-1, keepdims=True).round(), np.uint8)


def _distances(images: Array, targets: Array, suffix: str) -> tuple[MetricValue, MetricValue]:
    from twoplayer.inference.translate import image_distances

    distances = image_distances(images, targets)
    return (
        mean_value(f"translation_error_l1{suffix}", distances.l1, task=TASK, higher_is_better=False),
        mean_value(f"translation_error_perceptual{suffix}", distances.perceptual, task=TASK, higher_is_better=False),
    )
