"""Which samples train and which are held out."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from twoplayer.core.errors import UserError
from twoplayer.data._base import DataSettings
from twoplayer.data._types import Array

__all__ = ["Split", "check_enough", "split_indices"]

MAX_HELD_OUT = 10_000
"""Held-out samples beyond this many would only take training data away."""


class Split(NamedTuple):
    """Indices of the two parts, int64, each in random order unless the source has a test part of its own."""

    train: Array
    held_out: Array


def split_indices(count: int, settings: DataSettings, first_test: int | None = None) -> Split:
    """The parts of `count` samples.

    A source's own test part starts at `first_test`. Without one, ``settings.held_out`` of the samples (at
    most 10,000, at least one unless the share is 0) are kept out by a permutation drawn from
    ``settings.seed``.
    """
    if first_test is not None:
        return Split(np.arange(first_test), np.arange(first_test, count))
    from twoplayer.core.rng import numpy_generator

    if not 0 <= settings.held_out < 1:
        raise UserError(f"the held-out share must be at least 0 and below 1, not {settings.held_out}")
    kept_out = min(MAX_HELD_OUT, max(1, round(settings.held_out * count))) if settings.held_out else 0
    order = numpy_generator(settings.seed, "data/split").permutation(count)
    return Split(order[kept_out:], order[:kept_out])


def check_enough(name: str, count: int, what: str, settings: DataSettings) -> None:
    """Raises `UserError` when `count` training samples are fewer than ``settings.minimum``."""
    if count < max(settings.minimum, 1):
        raise UserError(
            f"{name} has {count} {what} to train on and a batch needs {settings.minimum}: "
            f"bring more {what}, or lower the batch or the held-out share"
        )
