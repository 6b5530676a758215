"""The data of a run: opened for training, and opened again to measure it."""

from __future__ import annotations

from typing import Any

from twoplayer import data
from twoplayer.config.schema import Config
from twoplayer.data._base import Dataset, DataSettings
from twoplayer.core.errors import UserError
from twoplayer.runs.run_dir import RunFolder

__all__ = ["open_data", "reopen"]


def open_data(source: Any, config: Config) -> Dataset:
    """The data set that `source` names, as the config wants it."""
    options = {k: v for k, v in config.data.items() if k != "name"}
    # One split for all seeds, so that runs that differ by seed alone are measured against the same held-out data.
    return data.load(source, DataSettings(config.resolution, config.held_out, 0, config.batch), **options)


def reopen(folder: RunFolder) -> Dataset:
    """The data that a run was trained on. Raises `UserError` where they are gone or have changed."""
    config = folder.config()
    if config.data["name"] == data.ARRAY:
        raise UserError(f"{folder.path} was trained on an array in memory: measure its samples where that array is")
    dataset = open_data(config.data["name"], config)
    if dataset.key != folder.data()["key"]:
        raise UserError(f"the data of {folder.path} have changed since it was trained: restore them")
    return dataset
