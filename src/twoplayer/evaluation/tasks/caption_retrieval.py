"""Do images fit their captions: the rank of the right one among 100, by a matcher that is trained apart from the run.

Source: Xu et al. 2018, AttnGAN: Fine-Grained Text to Image Generation with Attentional Generative Adversarial Networks
(arXiv 1711.10485), section 4, whose R-precision ranks the right description among 100 as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from twoplayer.evaluation.tasks._base import EvaluationTask, TaskContext, TaskResult, mean_figure

if TYPE_CHECKING:
    from twoplayer.data._base import Dataset
    from twoplayer.inference.trained_run import TrainedRun

__all__ = ["CaptionRetrieval"]


@final
class CaptionRetrieval(EvaluationTask):
    """Mean rank, and shares of right captions that are the first and in the first ten, of held-out captions.

    Beside them stand the held-out images that have these captions.
    """

    wants = "a run of a text game, such as gan-cls"
    slow = True

    def serves(self, run: TrainedRun) -> bool:
        from twoplayer.games._sentence_inputs import SentenceInputs

        return isinstance(run.inputs, SentenceInputs)

    def obstacle(self, dataset: Dataset) -> str:
        from twoplayer.evaluation.caption_retrieval import AMONG, enough

        return "" if enough(dataset) else f"images with {AMONG} different captions that are held out"

    def measure(self, asked: TaskContext) -> TaskResult:
        from twoplayer.evaluation.caption_retrieval import caption_ranks
        from twoplayer.measurement import count_label

        made, real = caption_ranks(asked.run, seed=asked.seed, dataset=asked.dataset, cache=asked.cache, say=asked.say)
        count = count_label(len(made))
        shares = [
            mean_figure(f"caption_{name}_{count}", made <= most, higher_is_better=True, real=real <= most)
            for name, most in (("first", 1), ("in_first_ten", 10))
        ]
        rank = mean_figure(f"caption_rank_{count}", made, higher_is_better=False, real=real)
        note = "By chance the mean rank of a caption among 100 is 50.5, and 0.01 of them are the first."
        return TaskResult((rank, *shares), (note,))
