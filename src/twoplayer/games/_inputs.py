"""What samplers are fed with: latents, and what else a game puts beside them or in their place."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, final

import numpy as np
import torch
from torch import Tensor

from twoplayer.core.errors import UserError
from twoplayer.core.rng import torch_generator

if TYPE_CHECKING:
    from twoplayer.data._base import Dataset

__all__ = ["GridInputs", "LatentInputs", "SamplerInputs", "UnconditionalInputs", "first_shown", "latents", "shown"]

UNDERSTANDING = {"text": "gan-cls"}
"""Methods whose generators understand a wish, where those of cgan do not."""


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
    def wanting(self, wishes: Mapping[str, str]) -> SamplerInputs:
        """Inputs for samples that are as asked, such as ``{"label": "Sneaker"}`` or ``{"text": "a red hat"}``.

        Raises `UserError` for a wish that this sampler does not understand.
        """


class UnconditionalInputs(SamplerInputs):
    """Inputs that cannot be asked for anything."""

    refusal: ClassVar[str]
    """Why not, and what to do, around the name of the wish and of a method that understands it."""

    def wanting(self, wishes: Mapping[str, str]) -> SamplerInputs:
        if not wishes:
            return self
        wish = next(iter(wishes))
        raise UserError(self.refusal.format(wish, UNDERSTANDING.get(wish, "cgan")))


@final
class LatentInputs(UnconditionalInputs):
    """Latents ``(count, dimension)`` from the prior, and nothing else."""

    refusal: ClassVar[str] = (
        "this run's generator cannot be asked for a {}: train one that can, such as with twoplayer train {}"
    )

    def __init__(self, dimension: int, prior: str) -> None:
        self.dimension, self.prior = dimension, prior

    def draw(self, count: int, seed: int, purpose: str) -> Tensor:
        return latents(count, self.dimension, self.prior, seed, purpose)

    def grid(self, count: int, seed: int) -> GridInputs:
        return GridInputs(self.draw(count, seed, "grid"))

    def real(self, dataset: Dataset, count: int) -> np.ndarray:
        return first_shown(dataset, count)


def latents(count: int, dimension: int, prior: str, seed: int, purpose: str) -> Tensor:
    """`count` latents ``(count, dimension)``, the same on every device."""
    random = torch_generator(seed, f"latents for {purpose}")
    if prior == "normal":
        return torch.randn(count, dimension, generator=random)
    return torch.rand(count, dimension, generator=random) * 2 - 1


def shown(dataset: Dataset) -> np.ndarray:
    """The part of the data that stands for real ones in pictures: what was held out, or, without it, the rest."""
    return dataset.held_out if len(dataset.held_out) else dataset.train


def first_shown(dataset: Dataset, count: int) -> np.ndarray:
    """The first `count` real samples for pictures, as they come."""
    return np.asarray(shown(dataset)[:count])
