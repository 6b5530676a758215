"""The root of the text encoder family."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import Tensor

__all__ = ["Array", "EncoderState", "TextEncoder"]

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class EncoderState:
    """A fitted encoder as a run folder keeps it: tensors, and plain values beside them."""

    tensors: dict[str, Tensor] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)


class TextEncoder(ABC):
    """Sentences to vectors of length √dimension, so that each coordinate has a size of about 1, as latents have.

    `fit` comes before `encode`, or `restore` in its place.
    """

    dimension: int
    """Of the vectors; known once it is fitted."""

    @abstractmethod
    def fit(self, captions: Sequence[Sequence[str]], images: Array, seed: int = 0) -> None:
        """Learn from captions of N images, one or more sentences each, and the images, uint8 ``(N, H, W, C)``."""

    @abstractmethod
    def encode(self, sentences: Sequence[str]) -> Array:
        """float32 ``(len(sentences), dimension)``; the same sentence always gives the same row."""

    @abstractmethod
    def knows(self, sentence: str) -> bool:
        """Whether it can make anything of the sentence; else its vector says nothing."""

    @abstractmethod
    def passed_over(self, sentence: str) -> tuple[str, ...]:
        """Words of the sentence of which it can make nothing."""

    @abstractmethod
    def state(self) -> EncoderState: ...

    @abstractmethod
    def restore(self, state: EncoderState) -> None: ...
