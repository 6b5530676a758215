"""The inputs of samplers: latents, and the conditions that a game puts beside them or in their place."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, final

import numpy as np
from torch import Tensor

from twoplayer.core.errors import UserError
from twoplayer.core.rng import torch_generator

if TYPE_CHECKING:
    from twoplayer.data._base import Dataset
    from twoplayer.priors._base import Prior

__all__ = [
    "GridInputs",
    "LatentInputs",
    "SamplerInputs",
    "UnconditionalInputs",
    "first_reference",
    "latents",
    "reference_part",
]

METHOD_FOR_CONDITION = {"text": "gan-cls"}
"""Methods whose generators take a condition that those of cgan do not."""


@dataclass(frozen=True)
class GridInputs:
    """Inputs whose samples make a run's picture."""

    inputs: Tensor
    columns: int | None = None
    """Pictures in a row; None leaves it to the picture."""
    captions: tuple[str, ...] = ()
    """What each column shows; kept in ``data.json``."""
    arrange: Callable[[np.ndarray], np.ndarray] = np.asarray
    """From the samples, as the data are stored, to what is shown, such as inputs between their translations."""


class SamplerInputs(ABC):
    """Draws what a game's sampler takes: one tensor, a row for each sample, on the CPU.

    The same in training and after it, where it knows no more of the data than the run folder keeps.
    """

    has_latents: ClassVar[bool] = True
    """Whether inputs are latents, or latents with conditions beside them, so that samples can be interpolated."""

    @abstractmethod
    def draw(self, count: int, seed: int, purpose: str) -> Tensor:
        """`count` inputs, a function of (seed, purpose) and of what they are to be like."""

    @abstractmethod
    def grid(self, count: int, seed: int) -> GridInputs:
        """Inputs for a picture of about `count` samples."""

    @abstractmethod
    def real(self, dataset: Dataset, count: int) -> np.ndarray:
        """Real samples, as they are stored, in the grid's order: what stands beside it."""

    @abstractmethod
    def with_conditions(self, conditions: Mapping[str, str]) -> SamplerInputs:
        """Inputs for samples under conditions, such as ``{"label": "Sneaker"}`` or ``{"text": "a red hat"}``.

        Raises `UserError` for a condition that this sampler does not take.
        """


class UnconditionalInputs(SamplerInputs):
    """Inputs of a sampler that takes no conditions."""

    refusal: ClassVar[str]
    """Why not, and what to do, with places for the name of the condition and of a method that takes it."""

    def with_conditions(self, conditions: Mapping[str, str]) -> SamplerInputs:
        if not conditions:
            return self
        condition = next(iter(conditions))
        raise UserError(self.refusal.format(condition, METHOD_FOR_CONDITION.get(condition, "cgan")))


@final
class LatentInputs(UnconditionalInputs):
    """Latents ``(count, dimension)`` from the prior, and nothing else."""

    refusal: ClassVar[str] = (
        "this run's generator cannot be asked for a {}: train one that can, such as with twoplayer train {}"
    )

    def __init__(self, dimension: int, prior: Prior) -> None:
        self.dimension, self.prior = dimension, prior

    def draw(self, count: int, seed: int, purpose: str) -> Tensor:
        return latents(count, self.dimension, self.prior, seed, purpose)

    def grid(self, count: int, seed: int) -> GridInputs:
        return GridInputs(self.draw(count, seed, "grid"))

    def real(self, dataset: Dataset, count: int) -> np.ndarray:
        return first_reference(dataset, count)


def latents(count: int, dimension: int, prior: Prior, seed: int, purpose: str) -> Tensor:
    """Latents ``(count, dimension)`` on the CPU, a function of (seed, purpose), the same for every device."""
    return prior.sample(count, dimension, torch_generator(seed, f"latents for {purpose}"))


def reference_part(dataset: Dataset) -> np.ndarray:
    """The part of the data that stands for real ones in pictures: what was held out, or, without it, the rest."""
    return dataset.held_out if len(dataset.held_out) else dataset.train


def first_reference(dataset: Dataset, count: int) -> np.ndarray:
    """The first `count` real samples for pictures, as they come."""
    return np.asarray(reference_part(dataset)[:count])
