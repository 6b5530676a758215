"""What conditional games are told of samples: their class and their attributes, as columns of numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from twoplayer.core.errors import UserError, did_you_mean
from twoplayer.data._attributes import Attribute, attribute_slices, total_width

if TYPE_CHECKING:
    from twoplayer.data._base import Dataset

__all__ = ["LABEL", "AttributeCodes", "disagreement", "spelled", "traits_of"]

LABEL = "label"
"""What the class is called among the attributes."""


class AttributeCodes:
    """The numbers that say what samples are like: rows ``(B, width)`` for the rows of one part of a data set."""

    def __init__(
        self, traits: Sequence[Attribute], labels: np.ndarray | None, dataset: Dataset, attributes: np.ndarray | None
    ) -> None:
        self.traits, self.labels, self.attributes = tuple(traits), labels, attributes
        self.columns = {attribute.name: place for attribute, place in attribute_slices(dataset.attributes)}

    @classmethod
    def of_training(cls, traits: Sequence[Attribute], dataset: Dataset) -> AttributeCodes:
        """Of the part that is trained on."""
        return cls(traits, dataset.train_labels, dataset, dataset.train_attributes)

    @classmethod
    def of_held_out(cls, traits: Sequence[Attribute], dataset: Dataset) -> AttributeCodes:
        """Of the part that is held out."""
        return cls(traits, dataset.held_out_labels, dataset, dataset.held_out_attributes)

    @classmethod
    def of_shown(cls, traits: Sequence[Attribute], dataset: Dataset) -> AttributeCodes:
        """Of the part that stands for real data in pictures and figures."""
        if not len(dataset.held_out):
            return cls.of_training(traits, dataset)
        return cls.of_held_out(traits, dataset)

    def __call__(self, rows: np.ndarray, random: np.random.Generator | None = None) -> np.ndarray:
        """Float32 ``(B, width)`` for the rows with those indices; nothing here is random."""
        codes = np.zeros((len(rows), total_width(self.traits)), np.float32)
        for trait, place in attribute_slices(self.traits):
            if trait.name in self.columns:
                assert self.attributes is not None
                codes[:, place] = self.attributes[rows][:, self.columns[trait.name]]
            else:
                assert self.labels is not None
                codes[np.arange(len(rows)), place.start + self.labels[rows]] = 1
        return codes


def traits_of(dataset: Dataset, wanted: Sequence[str] | None) -> tuple[Attribute, ...]:
    """The class, as an attribute called "label", and the attributes, or those that are `wanted`, in that order, once.

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
    for name in wanted or ():
        if name not in known:
            raise UserError(f"{dataset.name} has no attribute called {name!r}: {did_you_mean(name, known)}")
    return tuple(known[name] for name in dict.fromkeys(wanted)) if wanted else tuple(known.values())


def spelled(traits: Sequence[Attribute], wishes: Mapping[str, str]) -> dict[str, str]:
    """The wishes in the spelling of the attributes and their values, whatever their case.

    Raises `UserError` for an attribute that is not among them, and for one that is to be two things.
    """
    found: dict[str, str] = {}
    for name, value in wishes.items():
        trait = next((t for t in traits if t.name.casefold() == name.casefold()), None)
        if trait is None:
            raise UserError(
                f"this run's generator cannot be asked for a {name}: {did_you_mean(name, [t.name for t in traits])}"
            )
        if trait.name in found:
            raise UserError(f"{trait.name} is asked to be {found[trait.name]} and {value}: ask for one of them")
        found[trait.name] = next((v for v in trait.values if v.casefold() == value.strip().casefold()), value)
    return found


def disagreement(answers: Tensor, given: Tensor, traits: Sequence[Attribute]) -> Tensor:
    """How far a checker's answers ``(B, width)`` are from what was given, a mean over rows, summed over attributes.

    Cross-entropy for one of several values (Odena et al. 2017, eq. 3), squared error for a number.
    """
    answers = answers.float()
    total = answers.new_zeros(())
    for trait, place in attribute_slices(traits):
        guess, truth = answers[:, place], given[:, place]
        wrong = (guess - truth).square() if trait.range is not None else -truth * guess.log_softmax(1)
        total = total + wrong.sum(1).mean()
    return total
