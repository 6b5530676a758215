"""Accuracy of an independent classifier on the conditions of samples, and Fréchet distances within classes.

Source: Odena, Olah & Shlens 2017, Conditional Image Synthesis with Auxiliary Classifier GANs (arXiv 1610.09585),
section 4.1; within classes, Miyato & Koyama 2018, cGANs with Projection Discriminator (arXiv 1802.05637), section 5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from twoplayer.evaluation.tasks._base import EvaluationTask, TaskContext, TaskResult

if TYPE_CHECKING:
    from twoplayer.data._base import Dataset
    from twoplayer.inference.trained_run import TrainedRun

__all__ = ["ConditionalAccuracy"]


@final
class ConditionalAccuracy(EvaluationTask):
    """Conditional accuracy and intra-class Fréchet distance for each condition, with those of held-out samples.

    ``label_accuracy`` is the share of samples whose label the classifier predicts, ``label_intra_fd`` the mean Fréchet
    distance from the training samples of the same label; attributes have values under their own names.
    """

    required_run = "a run of a conditional game, such as cgan"

    def applies_to(self, run: TrainedRun) -> bool:
        from twoplayer.games._conditioned_inputs import ConditionedInputs

        return isinstance(run.inputs, ConditionedInputs)

    def missing_data(self, dataset: Dataset) -> str:
        return ""

    def measure(self, context: TaskContext) -> TaskResult:
        from twoplayer.evaluation.conditional_accuracy import conditional_accuracies, metric_values

        accuracies = conditional_accuracies(
            context.run,
            n=context.count,
            seed=context.seed,
            dataset=context.dataset,
            cache=context.cache,
            progress=context.progress,
        )
        chances = ", ".join(f"{accuracy.chance:.3g} for {accuracy.attribute}" for accuracy in accuracies)
        notes = (f"Predicting the most frequent value has an accuracy of {chances}.",) if accuracies else ()
        return TaskResult(metric_values(accuracies), notes)
