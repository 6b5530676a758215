"""What a data source yields: a data set with a training part and a held-out part, and, for toys, its density."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from twoplayer.data._types import Array

if TYPE_CHECKING:
    from twoplayer.data._attributes import Attribute

__all__ = ["DataSettings", "Dataset", "ModelessDensity", "SkippedImage", "Source", "ToyDensity", "point_type"]


RELATIVE_STEP_LIMIT = 1e-4
"""Rounding up to this share of a column's standard deviation is accepted."""


class ToyDensity(ABC):
    """The exact distribution behind a toy source."""

    @property
    @abstractmethod
    def dimension(self) -> int: ...

    @abstractmethod
    def sample(self, count: int, random: np.random.Generator) -> Array:
        """`count` independent points, float32 ``(count, dimension)``."""

    @abstractmethod
    def log_density(self, points: Array) -> Array:
        """Natural logarithm of the density at `points`, float64 ``(N,)``; -inf outside the support."""

    @property
    @abstractmethod
    def modes(self) -> Array | None:
        """Mode centres ``(M, dimension)``, or None for a source that has no separate modes."""

    @property
    @abstractmethod
    def mode_deviation(self) -> float | None:
        """Standard deviation of each mode, or None."""

    @property
    @abstractmethod
    def mode_weights(self) -> Array | None:
        """Probability of each mode ``(M,)``, summing to 1, or None."""


class ModelessDensity(ToyDensity):
    """A distribution in the plane without separate modes."""

    @property
    def dimension(self) -> int:
        return 2

    @property
    def modes(self) -> None:
        return None

    @property
    def mode_deviation(self) -> None:
        return None

    @property
    def mode_weights(self) -> None:
        return None


@dataclass(frozen=True)
class SkippedImage:
    """An input that could not be read."""

    path: str
    reason: str


@dataclass(frozen=True)
class DataSettings:
    """Settings that hold for every source."""

    resolution: int | None = None
    """Side of the square images in pixels; None keeps the source's own (folders: 64)."""
    held_out: float = 0.1
    """Share held out of training where the source has no test part of its own (at most 10,000 samples)."""
    seed: int = 0
    """Seed of the split and of toy samples."""
    minimum: int = 2
    """Smallest number of training samples that is accepted (the batch size)."""
    cache: Path | None = None
    """Folder of the decoded cache; None takes $TWOPLAYER_CACHE, else ~/.cache/twoplayer."""
    progress: bool = True
    """Whether to draw progress bars on standard error."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """Samples in memory or memory-mapped.

    Images are uint8 ``(N, H, W, C)`` with C 1 or 3; points are ``(N, D)`` in the user's own units, float32, or
    float64 where float32 would blur them (`point_type`).
    """

    name: str
    kind: Literal["images", "points"]
    train: Array
    held_out: Array
    train_labels: Array | None = None
    """int64 ``(N,)`` indices into `class_names`."""
    held_out_labels: Array | None = None
    class_names: tuple[str, ...] = ()
    train_attributes: Array | None = None
    """float32 ``(N, A)``: the columns of `attributes` one after the other, each as `Attribute.encode` gives it."""
    held_out_attributes: Array | None = None
    attributes: tuple[Attribute, ...] = ()
    train_captions: tuple[tuple[str, ...], ...] | None = None
    """One or more sentences for each sample."""
    held_out_captions: tuple[tuple[str, ...], ...] | None = None
    partner_train: Array | None = None
    """Images of the other side of a translation, uint8 ``(M, H, W, C)``; M is N where `paired`."""
    partner_held_out: Array | None = None
    paired: bool = False
    """Whether row i of the partner images corresponds to row i of the samples."""
    stacked: bool = False
    """Whether each of the three channels is a digit of its own; then the label of (a, b, c) is 100a + 10b + c."""
    density: ToyDensity | None = None
    centre: Array | None = None
    """Points: what to subtract before training, float64 ``(D,)``; None means nothing (toys are trained as they are)."""
    scale: Array | None = None
    """Points: what to divide by, float64 ``(D,)``."""
    key: str = ""
    """Hash of content and settings."""
    skipped: tuple[SkippedImage, ...] = ()
    native: tuple[tuple[int, int], ...] = ()
    """Images: the smallest and the largest (height, width) before they were resized; empty where not known."""

    @property
    def shape(self) -> tuple[int, ...]:
        """``(C, H, W)`` for images, ``(D,)`` for points: the shape of one sample as networks see it."""
        if self.kind == "points":
            return (int(self.train.shape[1]),)
        return _image_shape(self.train)

    @property
    def partner_shape(self) -> tuple[int, ...] | None:
        """``(C, H, W)`` of one sample of the other side, or None where there is none."""
        return None if self.partner_train is None else _image_shape(self.partner_train)


class Source(ABC):
    """The root of the family: something that yields a `Dataset`. Options are the constructor's keyword arguments."""

    @abstractmethod
    def open(self, settings: DataSettings) -> Dataset:
        """Read (or find in the cache) the whole data set. Raises `UserError` with one sentence."""


def _image_shape(images: Array) -> tuple[int, ...]:
    height, width, channels = images.shape[1:]
    return (int(channels), int(height), int(width))


def point_type(centre: Array, scale: Array) -> np.dtype[Any]:
    """The type that holds points of that centre and scale: float32 where its steps are fine beside the scale.

    >>> point_type(np.array([300.0]), np.array([50.0])), point_type(np.array([1.7e9]), np.array([30.0]))
    (dtype('float32'), dtype('float64'))
    """
    limits = np.finfo(np.float32)
    blurred = (np.abs(centre) * limits.eps > RELATIVE_STEP_LIMIT * scale) | (scale * RELATIVE_STEP_LIMIT < limits.tiny)
    return np.dtype(np.float64 if blurred.any() else np.float32)
