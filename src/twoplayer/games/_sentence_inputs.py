"""Inputs of a generator that is told a text: latents, and the text's vector beside them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from twoplayer.core.errors import UserError
from twoplayer.core.rng import numpy_generator
from twoplayer.games._factory import StoredConditions
from twoplayer.games._inputs import GridInputs, SamplerInputs, first_shown, latents

if TYPE_CHECKING:
    from twoplayer.data._base import Dataset
    from twoplayer.text_encoders._base import TextEncoder

__all__ = ["SentenceInputs"]

COLUMNS = 8


class SentenceInputs(SamplerInputs):
    """Latents beside texts' vectors, ``(count, dimension + width)``.

    Texts are captions that the run has kept, each as often as in training, or the one that is wished for: one of no
    known word raises `UserError`, and unknown words beside known ones are passed over with a warning.
    """

    def __init__(
        self,
        dimension: int,
        prior: str,
        kept: StoredConditions | None,
        encoder: Callable[[], TextEncoder],
        text: str | None = None,
    ) -> None:
        if kept is None or "vectors" not in kept.tensors:
            raise UserError("this run has lost the captions that it kept: restore its inputs.safetensors")
        self.dimension, self.prior, self.kept, self.encoder, self.text = dimension, prior, kept, encoder, text
        self.vectors = kept.tensors["vectors"] if text is None else self._read(text)
        weights = kept.tensors.get("weights") if text is None else None
        self.shares = None if weights is None else (weights / weights.sum()).numpy()

    def draw(self, count: int, seed: int, purpose: str) -> Tensor:
        rows = numpy_generator(seed, f"texts for {purpose}").choice(len(self.vectors), size=count, p=self.shares)
        return self._beside(latents(count, self.dimension, self.prior, seed, purpose), rows)

    def grid(self, count: int, seed: int) -> GridInputs:
        """A caption in each column, the same latents along each row."""
        columns = min(COLUMNS, len(self.vectors))
        rows = max(1, count // COLUMNS)
        free = latents(rows, self.dimension, self.prior, seed, "grid").repeat_interleave(columns, 0)
        captions = self.kept.words[:columns] if self.text is None else (self.text,)
        return GridInputs(self._beside(free, np.tile(np.arange(columns), rows)), columns, captions)

    def real(self, dataset: Dataset, count: int) -> np.ndarray:
        return first_shown(dataset, count)

    def wanting(self, wishes: Mapping[str, str]) -> SamplerInputs:
        unknown = next((name for name in wishes if name != "text"), None)
        if unknown is not None:
            raise UserError(f"this run's generator is told what to make by a text, and knows no {unknown}: use `text`")
        if not wishes:
            return self
        return SentenceInputs(self.dimension, self.prior, self.kept, self.encoder, wishes["text"])

    def told(self, vectors: np.ndarray, seed: int, purpose: str) -> Tensor:
        """Inputs with those texts' vectors ``(N, width)``, one after the other."""
        free = latents(len(vectors), self.dimension, self.prior, seed, purpose)
        return torch.cat([free, torch.from_numpy(np.asarray(vectors, np.float32))], 1)

    def _read(self, text: str) -> Tensor:
        encoder = self.encoder()
        if not encoder.can_encode(text):
            few = ", ".join(self.kept.words[:3])
            raise UserError(f"none of the words in {text!r} is known from the captions, such as: {few}")
        if unread := encoder.unknown_words(text):
            warnings.warn(f"not known from the captions, and passed over: {', '.join(unread)}", stacklevel=2)
        return torch.from_numpy(encoder.encode([text]))

    def _beside(self, free: Tensor, rows: np.ndarray) -> Tensor:
        return torch.cat([free, self.vectors[torch.from_numpy(rows)]], 1)
