"""Agreement of images with their captions: R-precision and rank of the right caption among 100.

Source: Xu et al. 2018, AttnGAN: Fine-Grained Text to Image Generation with Attentional Generative Adversarial Networks
(arXiv 1711.10485), section 4, whose R-precision ranks the right caption among 100 as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from twoplayer.evaluation.tasks._base import EvaluationTask, TaskContext, TaskResult, mean_value

if TYPE_CHECKING:
    from twoplayer.data._base import Dataset
    from twoplayer.inference.trained_run import TrainedRun

__all__ = ["CaptionRetrieval"]

TASK = "caption-retrieval"


@final
class CaptionRetrieval(EvaluationTask):
    """Mean rank of the right caption, and R-precision@1 and @10, of images generated from held-out captions.

    ``caption_rank`` is the mean rank, ``r_precision_1`` and ``r_precision_10`` the shares of images whose right caption
    is ranked first and among the first ten. The ranking model is trained on the training data, independently of the
    run. The values of real data are for the held-out images that belong to the captions.
    """

    required_run = "a run of a text game, such as gan-cls"
    slow = True

    def applies_to(self, run: TrainedRun) -> bool:
        from twoplayer.games._sentence_inputs import SentenceInputs

        return isinstance(run.inputs, SentenceInputs)

    def missing_data(self, dataset: Dataset) -> str:
        from twoplayer.evaluation.caption_retrieval import CANDIDATES, has_enough_captions

        return "" if has_enough_captions(dataset) else f"images with {CANDIDATES} different captions that are held out"

    def measure(self, context: TaskContext) -> TaskResult:
        from twoplayer.evaluation.caption_retrieval import caption_ranks

        ranks = caption_ranks(
            context.run,
            seed=context.seed,
            dataset=context.dataset,
            cache=context.cache,
            progress=context.progress,
        )
        precisions = [
            mean_value(f"r_precision_{k}", ranks.generated <= k, task=TASK, higher_is_better=True, real=ranks.real <= k)
            for k in (1, 10)
        ]
        mean_rank = mean_value("caption_rank", ranks.generated, task=TASK, higher_is_better=False, real=ranks.real)
        note = "For random images the mean rank of a caption among 100 is 50.5, and r_precision_1 is 0.01."
        return TaskResult((mean_rank, *precisions), (note,))
