"""A numpy array of images or points, alone or with an array of labels (in Python)."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from twoplayer.core.errors import UserError
from twoplayer.data._arrays import describe_array
from twoplayer.data._base import DataSettings
from twoplayer.data._images import Images
from twoplayer.data._path_source import ScannableSource, slug
from twoplayer.data._points import PointTable

__all__ = ["InMemory"]


class InMemory(ScannableSource):
    """An array of images or points, with one label per sample or none.

    Args:
        values: images ``(N, H, W)`` or ``(N, H, W, C)`` with 1 or 3 channels, uint8, whole numbers in 0..255, or
            floats in [0, 1], or in [-1, 1] where any value is negative; or points ``(N, D)``.
        labels: ``(N,)`` whole numbers or strings; None for no labels.
        name: what reports call the data set.

    Raises:
        UserError: an array of another shape, type or value range.
    """

    kind: Literal["images", "points"] | None = None

    def __init__(self, values: Any, labels: Any = None, *, name: str = "array") -> None:
        self.values, self.labels, self.name = values, labels, slug(name, "array")

    def scan(self, settings: DataSettings) -> Images | PointTable:
        try:
            values = np.asanyarray(self.values)
        except (TypeError, ValueError):
            raise UserError(f"{self.name} cannot be made into a numpy array: give rows of one length") from None
        return describe_array(values, self.labels, self.name)
