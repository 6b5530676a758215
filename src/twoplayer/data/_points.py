"""Users' points: checked, split and given the centre and scale that training needs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from twoplayer.core.errors import UserError
from twoplayer.data._base import Dataset, DataSettings, point_type
from twoplayer.data._identity import array_digest, digest
from twoplayer.data._labels import UNLABELLED, Labels
from twoplayer.data._split import check_enough, split_indices
from twoplayer.data._types import Array

__all__ = ["PointTable"]


@dataclass(frozen=True, eq=False)
class PointTable:
    """Numbers ``(N, D)`` of any real type, in the user's own units."""

    name: str
    values: Array
    labels: Labels = UNLABELLED

    def open(self, settings: DataSettings) -> Dataset:
        """Raises `UserError` for points that are not finite in float32, or too few.

        Centre and scale are mean and standard deviation of the training part; a constant column has scale 1. They
        are taken of the numbers as they came: a time in seconds since 1970 has few digits left in float32.
        """
        points = self._checked()
        parts = split_indices(len(points), settings)
        check_enough(self.name, len(parts.train), "points", settings)
        train = points[parts.train]
        centre, deviation = train.mean(axis=0), train.std(axis=0)
        # A constant column's deviation is rounding, not exactly 0.
        scale = np.where(deviation > 1e-12 * np.abs(centre), deviation, 1.0)
        points = points.astype(point_type(centre, scale), copy=False)
        indices, names = self.labels
        labelled = None if indices is None else array_digest(indices)
        return Dataset(
            name=self.name,
            kind="points",
            train=points[parts.train],
            held_out=points[parts.held_out],
            train_labels=None if indices is None else indices[parts.train],
            held_out_labels=None if indices is None else indices[parts.held_out],
            class_names=names,
            centre=centre,
            scale=scale,
            key=digest(array_digest(points), labelled, names, settings.held_out, settings.seed),
        )

    def _checked(self) -> Array:
        points = np.asarray(self.values).astype(np.float64)
        if not points.shape[1]:
            raise UserError(f"{self.name} has points without coordinates: give at least one column of numbers")
        with np.errstate(over="ignore"):
            broken = int((~np.isfinite(points.astype(np.float32))).any(axis=1).sum())
        if broken:
            raise UserError(
                f"{broken} of the {len(points)} points of {self.name} are not finite: remove or repair them"
            )
        return points
