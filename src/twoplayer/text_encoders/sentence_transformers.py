"""A pretrained model of the sentence-transformers library, by its name or its folder.

Source: Reimers & Gurevych 2019, Sentence-BERT: Sentence Embeddings using Siamese BERT-Networks (arXiv 1908.10084).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any, final

import numpy as np

from twoplayer.core.errors import UserError
from twoplayer.text_encoders._base import Array, EncoderState, TextEncoder

__all__ = ["SentenceTransformers"]


@final
class SentenceTransformers(TextEncoder):
    """The sentence embedding of a pretrained model, whose weights are not trained further.

    Args:
        model: a name on the Hugging Face hub, or a folder that holds a model.

    Raises:
        UserError: on first use, where the library is not installed or the model cannot be loaded.
    """

    def __init__(self, *, model: str = "all-MiniLM-L6-v2") -> None:
        self.model = model

    @cached_property
    def _encoder(self) -> Any:
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError:
            raise UserError(
                "this text encoder needs the package sentence-transformers: pip install sentence-transformers, or take "
                "the encoder bag-of-words"
            ) from None
        try:
            with _quiet():
                return SentenceTransformer(self.model, device="cpu")
        except (OSError, ValueError) as error:
            raise UserError(
                f"the sentence-transformers model {self.model!r} cannot be loaded ({str(error).splitlines()[0]}): give "
                "the folder of one, or take the encoder bag-of-words"
            ) from error

    @property
    def dimension(self) -> int:  # type: ignore[override]
        # The later name first: where it is there, the older one warns.
        ask = getattr(self._encoder, "get_embedding_dimension", None) or self._encoder.get_sentence_embedding_dimension
        return int(ask())

    def fit(self, captions: Sequence[Sequence[str]], images: Array, seed: int = 0) -> None:
        """Load the model, so that an error appears before training; nothing is fitted."""
        _ = self._encoder

    def encode(self, sentences: Sequence[str]) -> Array:
        vectors = self._encoder.encode(list(sentences), normalize_embeddings=True, show_progress_bar=False)
        return np.asarray(vectors, np.float32).reshape(len(sentences), self.dimension) * np.float32(self.dimension**0.5)

    def can_encode(self, sentence: str) -> bool:
        return any(character.isalnum() for character in sentence)

    def unknown_words(self, sentence: str) -> tuple[str, ...]:
        """None: unknown words are split into known parts."""
        return ()

    def state(self) -> EncoderState:
        return EncoderState({}, {"model": self.model})

    def restore(self, state: EncoderState) -> None:
        self.model = str(state.metadata["model"])


@contextmanager
def _quiet() -> Iterator[None]:
    """Switch off the progress bar of loading."""
    from transformers.utils import logging

    was_enabled = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if was_enabled:
            logging.enable_progress_bar()
