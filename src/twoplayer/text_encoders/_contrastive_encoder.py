"""The root of the encoders that are trained on the data's own captions and images."""

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
    """A text tower that is trained together with an image tower on the training pairs.

    A subclass builds the text tower and its vocabulary.
    """

    towers: ContrastiveTowers | None = None
    """Both towers after `fit` or `restore_towers`; None after `restore`, which restores the text tower only."""
    text: nn.Module
    """The text tower."""

    def fit(self, captions: Sequence[Sequence[str]], images: Array, seed: int = 0) -> None:
        """Train both towers, as `TextEncoder.fit` documents. Raises `UserError` for fewer than two captioned images."""
        if len(captions) != len(images) or len(images) < 2:
            raise UserError(
                f"a text encoder cannot be trained on {len(images)} images with {len(captions)} captions: give at "
                "least 2 images, each with captions"
            )
        self.build_vocabulary([sentence for sentences in captions for sentence in sentences])
        self.towers = train_towers(self.make_text_tower, self.dimension, self.tokenize, captions, images, seed)
        self.text = self.towers.text

    @torch.no_grad()
    def encode(self, sentences: Sequence[str]) -> Array:
        chunks = [sentences[i : i + CHUNK_SENTENCES] for i in range(0, len(sentences), CHUNK_SENTENCES)]
        rows = [F.normalize(self.text(self.tokenize(chunk)), dim=1) for chunk in chunks]
        vectors = torch.cat(rows) if rows else torch.empty(0, self.dimension)
        return np.asarray(vectors.mul(self.dimension**0.5).numpy(), np.float32)

    @torch.no_grad()
    def similarity(self, sentences: Sequence[str], images: Array) -> Array:
        """Cosine similarities ``(len(sentences), N)`` of sentences and images, uint8 ``(N, H, W, C)``.

        Raises `ValueError` where the image tower has not been fitted or restored.
        """
        if self.towers is None:
            raise ValueError("only a fitted encoder has an image tower")
        pixels = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2)
        vectors = torch.cat(
            [F.normalize(self.towers.image(chunk), dim=1) for chunk in torch.split(pixels, CHUNK_SENTENCES)]
        )
        return np.asarray(self.encode(sentences) / self.dimension**0.5 @ vectors.numpy().T)

    def state(self) -> EncoderState:
        return EncoderState({k: v.detach().contiguous() for k, v in self.text.state_dict().items()}, self.vocabulary())

    def towers_state(self) -> EncoderState:
        """The state of both towers, for `restore_towers`. Raises `ValueError` where there is no image tower."""
        if self.towers is None:
            raise ValueError("only a fitted encoder has an image tower")
        return EncoderState(
            {k: v.detach().contiguous() for k, v in self.towers.state_dict().items()}, self.vocabulary()
        )

    def restore_towers(self, state: EncoderState, images: Array) -> None:
        """Restore what `towers_state` returned, for images of the size of `images`, uint8 ``(N, H, W, C)``."""
        self.restore_vocabulary(state.metadata)
        self.towers = initial_towers(self.make_text_tower, self.dimension, images).eval().requires_grad_(False)
        self.towers.load_state_dict(state.tensors)
        self.text = self.towers.text

    def restore(self, state: EncoderState) -> None:
        self.restore_vocabulary(state.metadata)
        self.text = self.make_text_tower().eval().requires_grad_(False)
        self.text.load_state_dict(state.tensors)

    @abstractmethod
    def build_vocabulary(self, sentences: Sequence[str]) -> None:
        """Number the tokens that occur in the training captions."""

    @abstractmethod
    def make_text_tower(self) -> nn.Module:
        """A text tower with random weights: token rows, int64 ``(B, L)``, to vectors ``(B, dimension)``."""

    @abstractmethod
    def tokenize(self, sentences: Sequence[str]) -> Tensor:
        """Token rows, int64 ``(B, L)``; 0 is padding, and stands for unknown tokens."""

    @abstractmethod
    def vocabulary(self) -> dict[str, object]:
        """The vocabulary as plain values."""

    @abstractmethod
    def restore_vocabulary(self, metadata: dict[str, object]) -> None:
        """Restore what `vocabulary` returned."""
