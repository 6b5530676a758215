"""What the encoders share that learn from the data's own captions."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from twoplayer.core.errors import UserError
from twoplayer.text_encoders._base import Array, EncoderState, TextEncoder
from twoplayer.text_encoders._contrastive import ContrastiveTowers, initial_towers, train_towers

__all__ = ["ContrastiveTextEncoder"]

CHUNK_SENTENCES = 1024


class ContrastiveTextEncoder(TextEncoder):
    """A text tower that has learned to agree with an image tower on the training pairs."""

    towers: ContrastiveTowers | None = None
    """Both towers after `fit`; after `restore` the text tower alone is there."""
    text: nn.Module

    def fit(self, captions: Sequence[Sequence[str]], images: Array, seed: int = 0) -> None:
        """As the family says. Raises `UserError` for fewer than two captioned images."""
        if len(captions) != len(images) or len(images) < 2:
            raise UserError(
                f"{len(images)} images with {len(captions)} captions teach nothing: give at least 2 of both"
            )
        self.read([sentence for several in captions for sentence in several])
        self.towers = train_towers(self.tower, self.dimension, self.tokenize, captions, images, seed)
        self.text = self.towers.text

    @torch.no_grad()
    def encode(self, sentences: Sequence[str]) -> Array:
        chunks = [sentences[i : i + CHUNK_SENTENCES] for i in range(0, len(sentences), CHUNK_SENTENCES)]
        rows = [F.normalize(self.text(self.tokenize(chunk)), dim=1) for chunk in chunks]
        vectors = torch.cat(rows) if rows else torch.empty(0, self.dimension)
        return np.asarray(vectors.mul(self.dimension**0.5).numpy(), np.float32)

    @torch.no_grad()
    def similarity(self, sentences: Sequence[str], images: Array) -> Array:
        """Cosines ``(len(sentences), N)`` with images uint8 ``(N, H, W, C)``. Raises `ValueError` before `fit`."""
        if self.towers is None:
            raise ValueError("only a fitted encoder has an image tower")
        pictures = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2)
        vectors = torch.cat(
            [F.normalize(self.towers.image(chunk), dim=1) for chunk in torch.split(pictures, CHUNK_SENTENCES)]
        )
        return np.asarray(self.encode(sentences) / self.dimension**0.5 @ vectors.numpy().T)

    def state(self) -> EncoderState:
        return EncoderState({k: v.detach().contiguous() for k, v in self.text.state_dict().items()}, self.vocabulary())

    def state_of_both(self) -> EncoderState:
        """What `state` gives, with the image tower. Raises `ValueError` before `fit`."""
        if self.towers is None:
            raise ValueError("only a fitted encoder has an image tower")
        return EncoderState(
            {k: v.detach().contiguous() for k, v in self.towers.state_dict().items()}, self.vocabulary()
        )

    def restore_both(self, state: EncoderState, images: Array) -> None:
        """Take up what `state_of_both` gave, for images as large as these, uint8 ``(N, H, W, C)``."""
        self.recall(state.facts)
        self.towers = initial_towers(self.tower, self.dimension, images).eval().requires_grad_(False)
        self.towers.load_state_dict(state.tensors)
        self.text = self.towers.text

    def restore(self, state: EncoderState) -> None:
        self.recall(state.facts)
        self.text = self.tower().eval().requires_grad_(False)
        self.text.load_state_dict(state.tensors)

    @abstractmethod
    def read(self, sentences: Sequence[str]) -> None:
        """Learn the vocabulary."""

    @abstractmethod
    def tower(self) -> nn.Module:
        """A new text tower: token rows ``(B, L)`` to vectors ``(B, dimension)``."""

    @abstractmethod
    def tokenize(self, sentences: Sequence[str]) -> Tensor:
        """int64 ``(B, L)``; 0 stands for nothing."""

    @abstractmethod
    def vocabulary(self) -> dict[str, object]:
        """What `read` learned, as plain values."""

    @abstractmethod
    def recall(self, facts: dict[str, object]) -> None:
        """Take up a vocabulary again."""
