"""The data of a run: opened for training, and opened again to measure it."""

from __future__ import annotations

from typing import Any

from twoplayer import data
from twoplayer.config.schema import Config
from twoplayer.core.errors import UserError
from twoplayer.data._base import Dataset, DataSettings
from twoplayer.runs.run_dir import RunFolder

__all__ = ["open_data", "reopen"]


def open_data(source: Any, config: Config) -> Dataset:
    """The data set that `source` names, as the config wants it."""
    options = {k: v for k, v in config.data.items() if k != "name"}
    # One split for all seeds, so that runs that differ by seed alone are measured against the same held-out data.
    return data.load(source, DataSettings(config.resolution, config.held_out, 0, config.batch_size), **options)


def reopen(folder: RunFolder, source: Any = None) -> Dataset:
    """The data that a run was trained on.

    Args:
        folder: the run.
        source: the same data again, where they were an object in memory; None opens what the run's config names.

    Raises:
        UserError: data that are gone or have changed, or that were in memory where `source` is None.
    """
    config = folder.config()
    name = config.data["name"]
    if source is None and data.is_in_memory(name):
        raise UserError(
            f"{folder.path} was trained on {data.in_memory_words(name)}: pass it again, as in run.evaluate(data=...)"
        )
    dataset = open_data(name if source is None else source, config)
    if dataset.key != folder.data()["key"]:
        if source is not None:
            raise UserError(f"these are not the data that {folder.path} was trained on: pass those")
        raise UserError(f"the data of {folder.path} have changed since it was trained: restore them")
    return dataset
