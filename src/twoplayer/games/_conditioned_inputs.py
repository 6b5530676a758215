"""Inputs of a conditional generator: latents, and beside them the conditions of the samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from twoplayer.core.rng import numpy_generator
from twoplayer.data._attributes import Attribute, attribute_slices, encode_attributes
from twoplayer.games._attribute_codes import LABEL, AttributeCodes, match_conditions
from twoplayer.games._inputs import GridInputs, SamplerInputs, first_reference, latents, reference_part

if TYPE_CHECKING:
    from twoplayer.data._base import Dataset
    from twoplayer.priors._base import Prior

__all__ = ["ConditionedInputs"]

MAX_COLUMNS, VALUES_OF_A_NUMBER = 12, 9
"""Columns of a grid: for one of several values, and over the range of a number."""
MIN_ROWS, MAX_ROWS = 4, 8
WHITE = 255
TOLERANCE = 0.2
"""How far a number in [−1, 1] may be from a condition and still fulfil it: a tenth of the range."""


class ConditionedInputs(SamplerInputs):
    """Latents beside conditions, ``(count, dimension + width)``.

    Conditions are drawn from `rows`, codes of training samples ``(N, width)``; a requested condition replaces its
    attribute, and the others are those of rows that fulfil the request, or of any rows where none does.
    """

    def __init__(
        self,
        dimension: int,
        prior: Prior,
        attributes: Sequence[Attribute],
        rows: np.ndarray,
        *,
        image: bool,
        conditions: Mapping[str, str] | None = None,
    ) -> None:
        self.dimension, self.prior, self.image = dimension, prior, image
        self.attributes, self.rows, self.conditions = tuple(attributes), rows, dict(conditions or {})
        self._matching_rows = self._find_matching_rows()

    def draw(self, count: int, seed: int, purpose: str) -> Tensor:
        drawn_latents = latents(count, self.dimension, self.prior, seed, purpose)
        return torch.cat([drawn_latents, torch.from_numpy(self.draw_conditions(count, seed, purpose))], 1)

    def draw_conditions(self, count: int, seed: int, purpose: str) -> np.ndarray:
        """The conditions that `draw` puts beside its latents, float32 ``(count, width)``."""
        random = numpy_generator(seed, f"conditions for {purpose}")
        drawn = self._matching_rows[random.integers(len(self._matching_rows), size=count)]
        wanted_code = encode_attributes(self.attributes, self.conditions, drawn[0])
        for attribute, place in attribute_slices(self.attributes):
            if attribute.name in self.conditions:
                drawn[:, place] = wanted_code[place]
        return drawn

    def with_conditions(self, conditions: Mapping[str, str]) -> ConditionedInputs:
        merged = {**self.conditions, **match_conditions(self.attributes, conditions)}
        return ConditionedInputs(
            self.dimension, self.prior, self.attributes, self.rows, image=self.image, conditions=merged
        )

    def grid(self, count: int, seed: int) -> GridInputs:
        """One value of the first attribute in each column, the same latents along each row."""
        if not self.image:
            return GridInputs(self.draw(count, seed, "grid"))
        values, rows = self._column_values(), self._grid_rows(count)
        drawn_latents = latents(rows, self.dimension, self.prior, seed, "grid")
        name = self.attributes[0].name
        columns = [
            torch.from_numpy(self.with_conditions({name: value}).draw_conditions(rows, seed, "grid"))
            for value in values
        ]
        inputs = torch.stack([torch.cat([drawn_latents, column], 1) for column in columns], 1).flatten(0, 1)
        return GridInputs(inputs, len(values), tuple(_caption(self.attributes[0], value) for value in values))

    def real(self, dataset: Dataset, count: int) -> np.ndarray:
        """In the grid's order; white where no sample has a column's value."""
        if not self.image:
            return first_reference(dataset, count)
        head, rows, part = self.attributes[0], self._grid_rows(count), reference_part(dataset)
        codes = AttributeCodes.of_reference([head], dataset)(np.arange(len(part)))
        columns = [_nearest(codes, head, value, rows) for value in self._column_values()]
        order = np.stack(columns, 1).ravel()
        images = np.array(part[order.clip(0)])
        images[order < 0] = WHITE
        return images

    def _column_values(self) -> list[str]:
        head = self.attributes[0]
        if head.range is None:
            return list(head.values[:MAX_COLUMNS])
        return [str(float(value)) for value in np.linspace(*head.range, VALUES_OF_A_NUMBER)]

    def _grid_rows(self, count: int) -> int:
        return min(MAX_ROWS, max(MIN_ROWS, count // len(self._column_values())))

    def _find_matching_rows(self) -> np.ndarray:
        """The rows that fulfil the conditions, or all where none does."""
        if not self.conditions:
            return self.rows
        wanted_code = encode_attributes(self.attributes, self.conditions, self.rows[0])
        matching = np.ones(len(self.rows), dtype=bool)
        for attribute, place in attribute_slices(self.attributes):
            if attribute.name in self.conditions:
                matching &= (np.abs(self.rows[:, place] - wanted_code[place]) <= TOLERANCE).all(1)
        return self.rows[matching] if matching.any() else self.rows


def _caption(attribute: Attribute, value: str) -> str:
    shown = value if attribute.range is None else f"{float(value):.4g}"
    return shown if attribute.name == LABEL else f"{attribute.name} {shown}"


def _nearest(codes: np.ndarray, attribute: Attribute, value: str, rows: int) -> np.ndarray:
    """Indices of `rows` samples whose codes are nearest to the value, in their order; again from the first if fewer.

    -1 where the value is one of several and none has it.
    """
    distance = np.abs(codes - attribute.encode(value)).sum(1)
    if attribute.range is None and distance.min() > 0:
        return np.full(rows, -1)
    order = np.argsort(distance, kind="stable")
    matching = max(1, int((distance <= max(TOLERANCE, float(distance.min()))).sum()))
    return order[np.arange(rows) % matching]
