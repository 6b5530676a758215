"""Inputs of a conditional generator: latents, and beside them what the samples are to be like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from twoplayer.core.rng import numpy_generator
from twoplayer.data._attributes import Attribute, attribute_slices, encode_attributes
from twoplayer.games._attribute_codes import LABEL, AttributeCodes, spelled
from twoplayer.games._inputs import GridInputs, SamplerInputs, first_shown, latents, shown

if TYPE_CHECKING:
    from twoplayer.data._base import Dataset

__all__ = ["ConditionedInputs"]

MOST_COLUMNS, STEPS = 12, 9
"""Columns of a grid: for one of several values, and over the range of a number."""
LEAST_ROWS, MOST_ROWS = 4, 8
WHITE = 255
NEAR = 0.2
"""How far a number in [−1, 1] may be from a wish and still count as like it: a tenth of the range."""


class ConditionedInputs(SamplerInputs):
    """Latents beside conditions, ``(count, dimension + width)``.

    Conditions are drawn from `rows`, codes of training samples ``(N, width)``; a wish overrides an attribute, and the
    others are those of rows that are like the wish, or of any rows where none is.
    """

    def __init__(
        self,
        dimension: int,
        prior: str,
        traits: Sequence[Attribute],
        rows: np.ndarray,
        *,
        image: bool,
        wishes: Mapping[str, str] | None = None,
    ) -> None:
        self.dimension, self.prior, self.image = dimension, prior, image
        self.traits, self.rows, self.wishes = tuple(traits), rows, dict(wishes or {})
        self._alike = self._rows_alike()

    def draw(self, count: int, seed: int, purpose: str) -> Tensor:
        free = latents(count, self.dimension, self.prior, seed, purpose)
        return torch.cat([free, torch.from_numpy(self.given(count, seed, purpose))], 1)

    def given(self, count: int, seed: int, purpose: str) -> np.ndarray:
        """The conditions that `draw` puts beside its latents, float32 ``(count, width)``."""
        random = numpy_generator(seed, f"conditions for {purpose}")
        drawn = self._alike[random.integers(len(self._alike), size=count)]
        wished = encode_attributes(self.traits, self.wishes, drawn[0])
        for trait, place in attribute_slices(self.traits):
            if trait.name in self.wishes:
                drawn[:, place] = wished[place]
        return drawn

    def wanting(self, wishes: Mapping[str, str]) -> ConditionedInputs:
        merged = {**self.wishes, **spelled(self.traits, wishes)}
        return ConditionedInputs(self.dimension, self.prior, self.traits, self.rows, image=self.image, wishes=merged)

    def grid(self, count: int, seed: int) -> GridInputs:
        """One value of the first attribute in each column, the same latents along each row."""
        if not self.image:
            return GridInputs(self.draw(count, seed, "grid"))
        values, rows = self._column_values(), self._grid_rows(count)
        free = latents(rows, self.dimension, self.prior, seed, "grid")
        name = self.traits[0].name
        given = [torch.from_numpy(self.wanting({name: value}).given(rows, seed, "grid")) for value in values]
        inputs = torch.stack([torch.cat([free, column], 1) for column in given], 1).flatten(0, 1)
        return GridInputs(inputs, len(values), tuple(_caption(self.traits[0], value) for value in values))

    def real(self, dataset: Dataset, count: int) -> np.ndarray:
        """In the grid's order; white where no sample has a column's value."""
        if not self.image:
            return first_shown(dataset, count)
        head, rows, part = self.traits[0], self._grid_rows(count), shown(dataset)
        codes = AttributeCodes.of_shown([head], dataset)(np.arange(len(part)))
        columns = [_nearest(codes, head, value, rows) for value in self._column_values()]
        order = np.stack(columns, 1).ravel()
        images = np.array(part[order.clip(0)])
        images[order < 0] = WHITE
        return images

    def _column_values(self) -> list[str]:
        head = self.traits[0]
        if head.range is None:
            return list(head.values[:MOST_COLUMNS])
        return [str(float(value)) for value in np.linspace(*head.range, STEPS)]

    def _grid_rows(self, count: int) -> int:
        return min(MOST_ROWS, max(LEAST_ROWS, count // len(self._column_values())))

    def _rows_alike(self) -> np.ndarray:
        """The rows that are like the wishes, or all where none is."""
        if not self.wishes:
            return self.rows
        wished = encode_attributes(self.traits, self.wishes, self.rows[0])
        alike = np.ones(len(self.rows), dtype=bool)
        for trait, place in attribute_slices(self.traits):
            if trait.name in self.wishes:
                alike &= (np.abs(self.rows[:, place] - wished[place]) <= NEAR).all(1)
        return self.rows[alike] if alike.any() else self.rows


def _caption(trait: Attribute, value: str) -> str:
    shown = value if trait.range is None else f"{float(value):.4g}"
    return shown if trait.name == LABEL else f"{trait.name} {shown}"


def _nearest(codes: np.ndarray, trait: Attribute, value: str, rows: int) -> np.ndarray:
    """Indices of `rows` samples whose codes are nearest to the value, in their order; again from the first if fewer.

    -1 where the value is one of several and none has it.
    """
    distance = np.abs(codes - trait.encode(value)).sum(1)
    if trait.range is None and distance.min() > 0:
        return np.full(rows, -1)
    order = np.argsort(distance, kind="stable")
    alike = max(1, int((distance <= max(NEAR, float(distance.min()))).sum()))
    return order[np.arange(rows) % alike]
