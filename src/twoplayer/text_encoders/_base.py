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
    """A fitted encoder as a run folder stores it."""

    tensors: dict[str, Tensor] = field(default_factory=dict)
    """Weights by name."""
    metadata: dict[str, Any] = field(default_factory=dict)
    """Plain values, such as JSON's: what is needed to build the encoder before its weights are loaded."""


class TextEncoder(ABC):
    """Sentences to vectors of length √dimension, so that each coordinate has a size of about 1, as latents have.

    An encoder is fitted by `fit`, or restored by `restore`, before `encode` is called.
    """

    dimension: int
    """Length of the vectors; known once the encoder is fitted or restored."""

    @abstractmethod
    def fit(self, captions: Sequence[Sequence[str]], images: Array, seed: int = 0) -> None:
        """Fit the encoder to captioned images.

        Args:
            captions: one or more sentences for each of N images.
            images: uint8 ``(N, H, W, C)``.
            seed: of initial weights and batches.
        """

    @abstractmethod
    def encode(self, sentences: Sequence[str]) -> Array:
        """Vectors of N sentences, float32 ``(N, dimension)``; the same sentence always gives the same vector."""

    @abstractmethod
    def can_encode(self, sentence: str) -> bool:
        """Whether the sentence has any word that affects its vector."""

    @abstractmethod
    def unknown_words(self, sentence: str) -> tuple[str, ...]:
        """The words of the sentence that do not affect its vector."""

    @abstractmethod
    def state(self) -> EncoderState:
        """What `restore` needs."""

    @abstractmethod
    def restore(self, state: EncoderState) -> None:
        """Put the encoder into a state that `state` returned."""
