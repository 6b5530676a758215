"""The game's value on held-out data: parts of them, as minibatches of their own, and what a batch is worth."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from twoplayer.config.schema import Config
from twoplayer.core import distributed
from twoplayer.core.device import DeviceConfig
from twoplayer.core.errors import UserError
from twoplayer.core.rng import derive
from twoplayer.data._base import Dataset
from twoplayer.games._adversarial import AdversarialGame
from twoplayer.games._factory import ConditioningData
from twoplayer.games._problem import Batch
from twoplayer.training.batches import Batches
from twoplayer.training.build import study

__all__ = ["HeldOutBatches", "game_value", "mean_and_error"]

MAX_SAMPLES_OF_A_PART = 1_024
"""Held-out samples of a part that are looked at, at most."""


class HeldOutBatches:
    """Minibatches of one of `parts` interleaved parts of the held-out data, the same ones at every judgement.

    With the same samples and latents each time, differences between judgements are differences between players; what
    the run itself learned from its data is `previous`. Raises `UserError` where the part is too small for a batch.
    """

    def __init__(
        self,
        config: Config,
        dataset: Dataset,
        device_config: DeviceConfig,
        purpose: str,
        previous: ConditioningData | None = None,
        *,
        part: int = 0,
        parts: int = 1,
    ) -> None:
        processes = distributed.process_count()
        self.share = _part(dataset, part, parts)
        self.batch_size = min(config.batch_size, len(self.share.train)) // processes * processes
        if self.batch_size < 2 * processes:
            raise UserError(
                f"{config.early_stopping} judges on held-out data, and {len(dataset.held_out)} of them are too few: "
                "set held_out to 0.1, or early_stopping to plateau"
            )
        self.conditioning = study(config, self.share, previous)
        self.seed, self.device_config = derive(config.seed, purpose), device_config
        self.count = max(1, min(len(self.share.train), MAX_SAMPLES_OF_A_PART) // self.batch_size)

    def batches(self, step: int, count: int | None = None) -> Iterator[Batch]:
        """The first `count` batches, or once through the part; `step` is for regularizers that anneal."""
        stream = Batches(self.share, self.batch_size, self.seed, self.device_config, self.conditioning)
        stream.step = step
        for _ in range(self.count if count is None else count):
            yield next(stream)


def game_value(game: AdversarialGame, batch: Batch, generated: Any) -> float:
    """V = −(the critic's loss, penalties left out) on one batch, over all processes.

    The critic raises it and the generator lowers it; where the generator's own loss is another one, as with the log D
    trick, V is still the game that the critic plays.
    """
    loss = game.critic_loss(batch, generated).parts["critic_loss"]
    return -float(distributed.mean(loss.detach().float()))


def mean_and_error(values: Sequence[float]) -> tuple[float, float | None]:
    """The mean over batches and its standard error, None of a single batch; NaN where one is not finite."""
    if not values or not all(map(math.isfinite, values)):
        return math.nan, None
    error = statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else None
    return statistics.fmean(values), error


def _part(dataset: Dataset, part: int, parts: int) -> Dataset:
    """Every `parts`-th held-out sample from number `part` on, in the place of the training samples."""
    rows = slice(part, None, parts)

    def cut(of: Any) -> Any:
        return None if of is None else of[rows]

    return replace(
        dataset,
        train=dataset.held_out[rows],
        train_labels=cut(dataset.held_out_labels),
        train_attributes=cut(dataset.held_out_attributes),
        train_captions=cut(dataset.held_out_captions),
        partner_train=cut(dataset.partner_held_out),
    )
