"""A trainer from a config: data studied, players built, measurements attached."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twoplayer import measurement
from twoplayer.config.schema import Config
from twoplayer.data._base import Dataset
from twoplayer.games._factory import ConditioningData, DataSpec
from twoplayer.runs.run_dir import RunFolder
from twoplayer.training.build import build, study, target
from twoplayer.training.trainer import Trainer

__all__ = ["assemble", "restored"]

YARDSTICK = {"images": "fd", "points": "sliced-wasserstein"}
"""The metric that ``--early-stopping plateau`` follows: one that sees quality and diversity at once."""


def restored(folder: RunFolder, dataset: Dataset, placement: Any) -> Trainer:
    """The trainer of a run as its newest checkpoint left it, to be looked at: nothing is written until it runs.

    Raises `UserError` for a damaged run, and for data or settings that do not fit it.
    """
    trainer = assemble(folder, folder.config(), dataset, placement, ())
    trainer.resume()
    return trainer


def assemble(folder: RunFolder, config: Config, dataset: Dataset, placement: Any, listeners: Sequence[Any]) -> Trainer:

    def say(text: str) -> None:
        for listener in listeners:
            listener.on_note(text)

    def figures(samples: Any) -> tuple[Any, str]:
        measured = measurement.measure(
            samples, target(config, dataset), in_training=True, device=placement.device, progress=say
        )
        return measured.metric_values, " ".join(measured.notes)

    def yardstick(samples: Any) -> Any:
        real = target(config, dataset)
        return measurement.measure(
            samples, real, metrics=YARDSTICK[real.kind], device=placement.device, progress=say
        ).metric_values

    with placement.accelerator.main_process_first():  # what is learned of the data lies in the cache for the others
        before = ConditioningData(given=folder.data().get("given") or {}, kept=folder.kept()) if folder.exists else None
        knowledge = study(config, dataset, before)
    facts = DataSpec(dataset.shape, dataset.partner_shape, dataset.paired, knowledge.given)
    players = build(config, facts, placement)
    usual = measurement.default_sample_count(dataset.kind)
    count, measuring = min(config.evaluate_count or usual, usual), figures if config.evaluate_count else None
    return Trainer(
        config, dataset, folder, placement, players, listeners, measuring, count, knowledge, yardstick=yardstick
    )
