"""The root of the extractor family: samples to features, the same in batches of any size and in any order."""

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

__all__ = ["HERE", "Array", "Extractor", "ExtractorContext", "ExtractorData", "Features"]

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
    def key(self) -> str: ...


@dataclass(frozen=True)
class ExtractorContext:
    """Where an extractor computes, where it keeps what it has made, and to whom it says how far it is."""

    device: torch.device | str = "cpu"
    cache: Path | None = None
    """None takes $TWOPLAYER_CACHE, else ~/.cache/twoplayer."""
    say: Callable[[str], None] | None = None


HERE = ExtractorContext()


@dataclass(frozen=True, eq=False)
class Features:
    """What an extractor saw in N samples; row i belongs to sample i."""

    features: Array
    """float32 ``(N, F)``."""
    logits: Array | None = None
    """Unnormalized log-probabilities of classes, float32 ``(N, K)``; None where it knows no classes."""

    def __len__(self) -> int:
        return len(self.features)

    def head(self, count: int) -> Features:
        """The first `count` samples, or all where there are fewer."""
        return Features(self.features[:count], None if self.logits is None else self.logits[:count])

    @classmethod
    def joined(cls, pieces: list[Features]) -> Features:
        """One after the other; at least one."""
        logits = [p.logits for p in pieces if p.logits is not None]
        return cls(np.concatenate([p.features for p in pieces]), np.concatenate(logits) if logits else None)


class Extractor(ABC):
    """Samples to features: ``create(name, data, where, **options)``, of which only some need the data.

    `data` is the real data that samples are to be held against.
    """

    kind: ClassVar[Literal["images", "points"]]
    """What it looks at."""
    classes: ClassVar[bool] = False
    """Whether it also gives logits."""
    cheap: ClassVar[bool] = False
    """Whether its features are sooner made than read."""
    label: str
    """What names of figures say of it, such as ``random_conv``."""
    size: int | None
    """Number F of features; None where it follows from the samples."""
    identity: str
    """Hash of weights and settings: two extractors of one identity give the same features of the same samples."""
    note: str = ""
    """A sentence on how far it can be trusted, where there is one to say."""

    @final
    def extract(self, samples: Array) -> Features:
        """The features of images uint8 ``(N, H, W, C)``, C 1 or 3, or of finite points ``(N, D)``.

        Raises `UserError` for any other samples.
        """
        self._check(samples)
        size = self.batch(samples.shape[1:])
        starts = range(0, max(1, len(samples)), size)
        return Features.joined([self._of_part(samples[start : start + size], size) for start in starts])

    @abstractmethod
    def batch(self, shape: tuple[int, ...]) -> int:
        """How many samples of that shape are looked at together."""

    @abstractmethod
    def see(self, batch: Array) -> Features:
        """The features of one batch."""

    def _of_part(self, samples: Array, size: int) -> Features:
        # Kernels are chosen by the batch's size and round differently: all batches have one size, the last is filled.
        if len(samples) == size:
            return self.see(samples)
        filling = [(0, size - len(samples)), *[(0, 0)] * (samples.ndim - 1)]
        return self.see(np.pad(samples, filling)).head(len(samples))

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
