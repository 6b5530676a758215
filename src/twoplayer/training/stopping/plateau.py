"""Plateau: a metric of the samples no longer improves beyond its noise."""

from __future__ import annotations

from typing import final

from twoplayer.core import distributed
from twoplayer.core.errors import UserError
from twoplayer.training.stopping._criterion import StoppingCriterion

__all__ = ["Plateau"]

SAMPLE_COUNT = 2_500
"""Samples that are measured: for images, a quarter of what a published value takes, at a quarter of its cost."""


@final
class Plateau(StoppingCriterion):
    """A metric of the averaged generator's samples.

    They come from latents of their own, so that the values by which a run is reported are not those by which its
    checkpoint was chosen: the minimum of many noisy values is biased.
    """

    quantity = "the metric"

    def judge(self, step: int) -> tuple[float, float | None]:
        measured = self._measured() if distributed.process_index() == 0 else None
        if distributed.process_count() > 1:
            from accelerate.utils import broadcast_object_list

            broadcast_object_list(box := [measured])
            measured = box[0]
        if measured is None:
            raise UserError(
                f"plateau follows a metric, and none can be measured on {self.run.dataset.name}: set early_stopping to "
                "duality-gap"
            )
        self.quantity, value, error = measured
        return value, error

    def _measured(self) -> tuple[str, float, float | None] | None:
        run = self.run
        if run.stopping_metric is None:
            return None
        samples = run.sample(min(SAMPLE_COUNT, run.sample_count), "judgement")
        metric = next((v for v in run.stopping_metric(samples) if v.higher_is_better is not None), None)
        if metric is None:
            return None
        name, value = metric.name, float(metric.value)
        return (f"−{name}", -value, metric.error) if metric.higher_is_better else (name, value, metric.error)
