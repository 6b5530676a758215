"""A data set of fewer training samples."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from twoplayer.core.errors import UserError
from twoplayer.data._base import Dataset, DataSettings
from twoplayer.data._checks import whole_number
from twoplayer.data._identity import digest
from twoplayer.data._split import check_enough
from twoplayer.data._types import Array

__all__ = ["subset"]

ROW_FIELDS = ("train_labels", "train_attributes")
"""Fields whose rows are those of the training samples."""


def subset(dataset: Dataset, count: int, settings: DataSettings) -> Dataset:
    """`count` of the training samples, drawn by ``settings.seed`` and kept in memory; held-out ones stay as they are.

    The rows of a partner go with them where it is paired, and are as many at most where it is not. Raises `UserError`
    where there are fewer.
    """
    whole_number("subset", count, 1)
    if count > len(dataset.train):
        raise UserError(
            f"{dataset.name} has {len(dataset.train)} {dataset.kind} to train on, and subset asks for {count}: lower it"
        )
    check_enough(dataset.name, count, dataset.kind, settings)
    rows = _draw(len(dataset.train), count, settings, "samples")
    known = {name: getattr(dataset, name) for name in ROW_FIELDS}
    changed: dict[str, Any] = {name: values[rows] for name, values in known.items() if values is not None}
    if dataset.train_captions is not None:
        changed["train_captions"] = tuple(dataset.train_captions[row] for row in rows)
    if dataset.partner_train is not None:
        partners = rows if dataset.paired else _draw(len(dataset.partner_train), count, settings, "partners")
        changed["partner_train"] = np.array(dataset.partner_train[partners])
    return replace(dataset, train=np.array(dataset.train[rows]), key=digest(dataset.key, "subset", count), **changed)


def _draw(of: int, count: int, settings: DataSettings, purpose: str) -> Array:
    from twoplayer.core.rng import numpy_generator

    return np.sort(numpy_generator(settings.seed, f"data/subset of {purpose}").permutation(of)[:count])
