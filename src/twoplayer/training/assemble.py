"""A trainer from a config: data studied, players built, measurements attached."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twoplayer import measurement
from twoplayer.config.schema import Config
from twoplayer.core.device import DeviceConfig
from twoplayer.data._base import Dataset
from twoplayer.games._factory import ConditioningData, DataSpec
from twoplayer.runs.run_dir import RunFolder
from twoplayer.training.build import build, study, target
from twoplayer.training.progress import Listener
from twoplayer.training.trainer import Trainer

__all__ = ["assemble", "restored"]

STOPPING_METRIC = {"images": "fd", "points": "sliced-wasserstein"}
"""The metric that the stopping criterion plateau follows: one that is sensitive to quality and diversity at once."""


def restored(folder: RunFolder, dataset: Dataset, device_config: DeviceConfig) -> Trainer:
    """The trainer of a run as its newest checkpoint left it; nothing is written until it runs.

    Raises `UserError` for a damaged run, and for data or settings that do not fit it.
    """
    trainer = assemble(folder, folder.config(), dataset, device_config, ())
    trainer.resume()
    return trainer


def assemble(
    folder: RunFolder, config: Config, dataset: Dataset, device_config: DeviceConfig, listeners: Sequence[Listener]
) -> Trainer:
    """A trainer for a run folder, new or to be resumed.

    Args:
        folder: the run folder; nothing is written to it here.
        config: the resolved settings.
        dataset: the data.
        device_config: where to train.
        listeners: called while training goes on.

    Raises:
        UserError: where data, networks, objective and algorithm do not fit each other.
    """

    def progress(text: str) -> None:
        for listener in listeners:
            listener.on_note(text)

    def quick_metrics(samples: Any) -> tuple[Any, str]:
        reference = target(config, dataset)
        measured = measurement.measure(
            samples, reference, in_training=True, device=device_config.device, progress=progress
        )
        return measured.metric_values, " ".join(measured.notes)

    def stopping_metric(samples: Any) -> Any:
        reference = target(config, dataset)
        metrics = STOPPING_METRIC[reference.kind]
        return measurement.measure(
            samples, reference, metrics=metrics, device=device_config.device, progress=progress
        ).metric_values

    with device_config.accelerator.main_process_first():  # what is learned of the data is cached for the others
        previous = None
        if folder.exists:
            data_spec = DataSpec.of(folder.data())
            previous = ConditioningData(summary=data_spec.conditioning, stored=folder.stored_conditions())
        conditioning = study(config, dataset, previous)
    data_spec = DataSpec(dataset.shape, dataset.partner_shape, dataset.paired, conditioning.summary)
    usual_count = measurement.default_sample_count(dataset.kind)
    return Trainer(
        config,
        dataset,
        folder,
        device_config,
        build(config, data_spec, device_config),
        listeners,
        measure=quick_metrics if config.evaluate_count else None,
        sample_count=min(config.evaluate_count or usual_count, usual_count),
        conditioning=conditioning,
        stopping_metric=stopping_metric,
    )
