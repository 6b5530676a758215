"""Conditions of conditional games: the class and the attributes of samples, as columns of numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from twoplayer.core.errors import UserError, did_you_mean
from twoplayer.data._attributes import Attribute, attribute_slices, total_width

if TYPE_CHECKING:
    from twoplayer.data._base import Dataset

__all__ = ["LABEL", "AttributeCodes", "attributes_of", "classification_loss", "match_conditions"]

LABEL = "label"
"""What the class is called among the attributes."""


class AttributeCodes:
    """The numbers that say what samples are like: rows ``(B, width)`` for the rows of one part of a data set."""

    def __init__(
        self,
        attributes: Sequence[Attribute],
        labels: np.ndarray | None,
        dataset: Dataset,
        attribute_values: np.ndarray | None,
    ) -> None:
        self.attributes, self.labels, self.attribute_values = tuple(attributes), labels, attribute_values
        self.columns = {attribute.name: place for attribute, place in attribute_slices(dataset.attributes)}

    @classmethod
    def of_training(cls, attributes: Sequence[Attribute], dataset: Dataset) -> AttributeCodes:
        """Of the part that is trained on."""
        return cls(attributes, dataset.train_labels, dataset, dataset.train_attributes)

    @classmethod
    def of_held_out(cls, attributes: Sequence[Attribute], dataset: Dataset) -> AttributeCodes:
        """Of the part that is held out."""
        return cls(attributes, dataset.held_out_labels, dataset, dataset.held_out_attributes)

    @classmethod
    def of_reference(cls, attributes: Sequence[Attribute], dataset: Dataset) -> AttributeCodes:
        """Of the part that stands for real data in pictures and figures."""
        if not len(dataset.held_out):
            return cls.of_training(attributes, dataset)
        return cls.of_held_out(attributes, dataset)

    def __call__(self, rows: np.ndarray, random: np.random.Generator | None = None) -> np.ndarray:
        """Float32 ``(B, width)`` for the rows with those indices; nothing here is random."""
        codes = np.zeros((len(rows), total_width(self.attributes)), np.float32)
        for attribute, place in attribute_slices(self.attributes):
            if attribute.name in self.columns:
                assert self.attribute_values is not None
                codes[:, place] = self.attribute_values[rows][:, self.columns[attribute.name]]
            else:
                assert self.labels is not None
                codes[np.arange(len(rows)), place.start + self.labels[rows]] = 1
        return codes


def attributes_of(dataset: Dataset, selected: Sequence[str] | None) -> tuple[Attribute, ...]:
    """The attributes to condition on: the class, called "label", and the others, or the `selected` ones in that order.

    Raises `UserError` where there are none, and for a name that is not among them.
    """
    known = {attribute.name: attribute for attribute in dataset.attributes}
    if dataset.train_labels is not None and len(dataset.class_names) > 1 and LABEL not in known:
        known = {LABEL: Attribute(LABEL, tuple(dataset.class_names)), **known}
    if not known:
        raise UserError(
            f"{dataset.name} has neither labels nor attributes to condition on: give images in one folder for each "
            "class, a table of labels or attributes beside them, or (array, labels); or train without, such as dcgan"
        )
    for name in selected or ():
        if name not in known:
            raise UserError(f"{dataset.name} has no attribute called {name!r}: {did_you_mean(name, known)}")
    return tuple(known[name] for name in dict.fromkeys(selected)) if selected else tuple(known.values())


def match_conditions(attributes: Sequence[Attribute], conditions: Mapping[str, str]) -> dict[str, str]:
    """Conditions in the spelling of the attributes and their values, whatever their case.

    Raises `UserError` for an attribute that is not among them, and for one with two values.
    """
    matched: dict[str, str] = {}
    for name, value in conditions.items():
        attribute = next((a for a in attributes if a.name.casefold() == name.casefold()), None)
        if attribute is None:
            raise UserError(
                f"this run's generator takes no condition {name}: {did_you_mean(name, [a.name for a in attributes])}"
            )
        if attribute.name in matched:
            raise UserError(
                f"{attribute.name} is asked to be {matched[attribute.name]} and {value}: ask for one of them"
            )
        matched[attribute.name] = next((v for v in attribute.values if v.casefold() == value.strip().casefold()), value)
    return matched


def classification_loss(predictions: Tensor, conditions: Tensor, attributes: Sequence[Attribute]) -> Tensor:
    """The auxiliary classifier's loss, a mean over rows, summed over attributes.

    Cross-entropy for categories (Odena et al. 2017, eq. 3), squared error for numbers.

    Args:
        predictions: the classifier's outputs ``(B, width)``: logits of categories, values of numbers.
        conditions: the true conditions ``(B, width)``.
        attributes: what the columns are.
    """
    predictions = predictions.float()
    total = predictions.new_zeros(())
    for attribute, place in attribute_slices(attributes):
        predicted, truth = predictions[:, place], conditions[:, place]
        is_number = attribute.range is not None
        errors = (predicted - truth).square() if is_number else -truth * predicted.log_softmax(1)
        total = total + errors.sum(1).mean()
    return total
