"""Are samples what was asked for: an independent judge looks for each label and attribute; distances within classes.

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
    """Shares ``NAME_found`` and distances ``NAME_fd_within``, NAME a label or attribute, beside held-out samples'."""

    wants = "a run of a conditional game, such as cgan"

    def serves(self, run: TrainedRun) -> bool:
        from twoplayer.games._conditioned_inputs import ConditionedInputs

        return isinstance(run.inputs, ConditionedInputs)

    def obstacle(self, dataset: Dataset) -> str:
        return ""

    def measure(self, asked: TaskContext) -> TaskResult:
        from twoplayer.evaluation.conditional_accuracy import agreement, figures

        found = agreement(
            asked.run, n=asked.count, seed=asked.seed, dataset=asked.dataset, cache=asked.cache, say=asked.say
        )
        chances = ", ".join(f"{one.attribute} in {one.chance:.3g}" for one in found)
        notes = (f"Always saying the most frequent value would find {chances} of samples.",) if found else ()
        return TaskResult(figures(found), notes)
