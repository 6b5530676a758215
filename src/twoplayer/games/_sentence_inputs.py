"""Inputs of a text-conditional generator: latents, and the text's vector beside them."""

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
from twoplayer.games._inputs import GridInputs, SamplerInputs, first_reference, latents

if TYPE_CHECKING:
    from twoplayer.data._base import Dataset
    from twoplayer.priors._base import Prior
    from twoplayer.text_encoders._base import TextEncoder

__all__ = ["SentenceInputs"]

COLUMNS = 8


class SentenceInputs(SamplerInputs):
    """Latents beside texts' vectors, ``(count, dimension + width)``.

    Texts are captions that the run has stored, each as often as in training, or the requested one: a text without any
    known word raises `UserError`, and unknown words beside known ones are ignored with a warning.
    """

    def __init__(
        self,
        dimension: int,
        prior: Prior,
        stored: StoredConditions | None,
        encoder: Callable[[], TextEncoder],
        text: str | None = None,
    ) -> None:
        if stored is None or "vectors" not in stored.tensors:
            raise UserError("this run has lost the captions that it stored: restore its inputs.safetensors")
        self.dimension, self.prior, self.stored, self.encoder, self.text = dimension, prior, stored, encoder, text
        self.vectors = stored.tensors["vectors"] if text is None else self._read(text)
        weights = stored.tensors.get("weights") if text is None else None
        self.shares = None if weights is None else (weights / weights.sum()).numpy()

    def draw(self, count: int, seed: int, purpose: str) -> Tensor:
        rows = numpy_generator(seed, f"texts for {purpose}").choice(len(self.vectors), size=count, p=self.shares)
        return self._beside(latents(count, self.dimension, self.prior, seed, purpose), rows)

    def grid(self, count: int, seed: int) -> GridInputs:
        """A caption in each column, the same latents along each row."""
        columns = min(COLUMNS, len(self.vectors))
        rows = max(1, count // COLUMNS)
        drawn_latents = latents(rows, self.dimension, self.prior, seed, "grid").repeat_interleave(columns, 0)
        captions = self.stored.texts[:columns] if self.text is None else (self.text,)
        return GridInputs(self._beside(drawn_latents, np.tile(np.arange(columns), rows)), columns, captions)

    def real(self, dataset: Dataset, count: int) -> np.ndarray:
        return first_reference(dataset, count)

    def with_conditions(self, conditions: Mapping[str, str]) -> SamplerInputs:
        unknown = next((name for name in conditions if name != "text"), None)
        if unknown is not None:
            raise UserError(f"this run's generator takes the condition text, and no {unknown}: set text instead")
        if not conditions:
            return self
        return SentenceInputs(self.dimension, self.prior, self.stored, self.encoder, conditions["text"])

    def with_vectors(self, vectors: np.ndarray, seed: int, purpose: str) -> Tensor:
        """Inputs with those texts' vectors ``(N, width)``, one after the other."""
        drawn_latents = latents(len(vectors), self.dimension, self.prior, seed, purpose)
        return torch.cat([drawn_latents, torch.from_numpy(np.asarray(vectors, np.float32))], 1)

    def _read(self, text: str) -> Tensor:
        encoder = self.encoder()
        if not encoder.can_encode(text):
            examples = ", ".join(self.stored.texts[:3])
            raise UserError(f"none of the words in {text!r} is known from the captions, such as: {examples}")
        if unread := encoder.unknown_words(text):
            warnings.warn(f"not known from the captions, and ignored: {', '.join(unread)}", stacklevel=2)
        return torch.from_numpy(encoder.encode([text]))

    def _beside(self, drawn_latents: Tensor, rows: np.ndarray) -> Tensor:
        return torch.cat([drawn_latents, self.vectors[torch.from_numpy(rows)]], 1)
