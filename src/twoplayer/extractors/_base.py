"""The root of the extractor family: samples to features, independent of batch size and order."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, final

import numpy as np

from twoplayer.core.errors import UserError

if TYPE_CHECKING:
    import torch

__all__ = ["DEFAULT_CONTEXT", "Array", "Extractor", "ExtractorContext", "ExtractorData", "Features"]

Array = np.ndarray[Any, Any]


class ExtractorData(Protocol):
    """What extractors need of a data set; every data set of the data family has it.

    Images are uint8 ``(N, H, W, C)``, points ``(N, D)``, labels ``(N,)`` in [0, classes).
    """

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> Literal["images", "points"]: ...
    @property
    def train(self) -> Array: ...
    @property
    def train_labels(self) -> Array | None: ...
    @property
    def held_out(self) -> Array: ...
    @property
    def held_out_labels(self) -> Array | None: ...
    @property
    def class_names(self) -> tuple[str, ...]: ...
    @property
    def stacked(self) -> bool: ...
    @property
    def key(self) -> str: ...


@dataclass(frozen=True)
class ExtractorContext:
    """Device, cache folder and progress callback of an extractor.

    Args:
        device: device of the network.
        cache: folder of trained extractors and extracted features; None takes $TWOPLAYER_CACHE, else
            ~/.cache/twoplayer.
        progress: callback of progress lines.
    """

    device: torch.device | str = "cpu"
    cache: Path | None = None
    progress: Callable[[str], None] | None = None


DEFAULT_CONTEXT = ExtractorContext()


@dataclass(frozen=True, eq=False)
class Features:
    """Features of N samples, and logits where the extractor has classes; row i belongs to sample i."""

    features: Array
    """float32 ``(N, F)``."""
    logits: Array | None = None
    """Unnormalized log-probabilities of classes, float32 ``(N, K)``; None for an extractor without classes."""

    def __len__(self) -> int:
        return len(self.features)

    def head(self, count: int) -> Features:
        """The first `count` samples, or all where there are fewer."""
        return Features(self.features[:count], None if self.logits is None else self.logits[:count])

    @classmethod
    def joined(cls, pieces: list[Features]) -> Features:
        """The concatenation of at least one piece."""
        logits = [p.logits for p in pieces if p.logits is not None]
        return cls(np.concatenate([p.features for p in pieces]), np.concatenate(logits) if logits else None)


class Extractor(ABC):
    """A map from samples to features: ``create(name, data, context, **options)``.

    `data` is the real data set that samples are compared with; only some extractors need it. A subclass sets `label`,
    `dimension` and `identity`, and implements `batch_size` and `extract_batch`.

    >>> from twoplayer import extractors
    >>> pixels = extractors.create("pixels", side=4)
    >>> pixels.extract(np.zeros((3, 8, 8, 1), np.uint8)).features.shape
    (3, 16)
    """

    kind: ClassVar[Literal["images", "points"]]
    """The kind of samples that it takes."""
    has_classes: ClassVar[bool] = False
    """Whether it returns logits beside features."""
    cheap: ClassVar[bool] = False
    """Whether extracting is faster than reading features from the cache."""
    label: str
    """Its part of the names of metric values, such as ``random_conv``."""
    dimension: int | None
    """Number F of features; None where it follows from the shape of the samples."""
    identity: str
    """Hash of weights and settings: extractors of equal identity return equal features for equal samples."""
    note: str = ""
    """A sentence on its reliability, such as the accuracy of a classifier, or an empty string."""

    @final
    def extract(self, samples: Array) -> Features:
        """The features of samples.

        Args:
            samples: images uint8 ``(N, H, W, C)`` with C = 1 or 3, or finite points ``(N, D)``.

        Returns:
            Features float32 ``(N, F)`` and, with `has_classes`, logits float32 ``(N, K)``.

        Raises:
            UserError: for samples of another kind, type or shape, and for points that are not finite.
        """
        self._check(samples)
        size = self.batch_size(samples.shape[1:])
        starts = range(0, max(1, len(samples)), size)
        return Features.joined([self._extract_padded(samples[start : start + size], size) for start in starts])

    @abstractmethod
    def batch_size(self, shape: tuple[int, ...]) -> int:
        """The number of samples of that shape in one batch."""

    @abstractmethod
    def extract_batch(self, batch: Array) -> Features:
        """The features of one batch of `batch_size` samples."""

    def _extract_padded(self, samples: Array, size: int) -> Features:
        # Kernels are chosen by batch size and round differently: all batches have one size, the last is padded.
        if len(samples) == size:
            return self.extract_batch(samples)
        padding = [(0, size - len(samples)), *[(0, 0)] * (samples.ndim - 1)]
        return self.extract_batch(np.pad(samples, padding)).head(len(samples))

    def _check(self, samples: Array) -> None:
        if self.kind == "images":
            if samples.dtype != np.uint8 or samples.ndim != 4 or samples.shape[3] not in (1, 3):
                raise UserError(
                    f"images must be uint8 of shape (N, H, W, 1 or 3), not {samples.dtype} {samples.shape}: "
                    "scale them to [0, 255], round, and put the channels last"
                )
            return
        if samples.ndim != 2 or samples.dtype.kind not in "fiu":
            raise UserError(f"points must be numbers of shape (N, D), not {samples.dtype} {samples.shape}")
        broken = int((~np.isfinite(samples)).any(axis=1).sum())
        if broken:
            raise UserError(f"{broken:,} of the {len(samples):,} points are not finite: remove or repair them")
