"""A convolutional and recurrent network over characters, trained on the data's own captions and images.

Source: Reed et al. 2016, Learning Deep Representations of Fine-Grained Visual Descriptions (arXiv 1605.05395), section
4.2, the char-CNN-RNN.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import torch
from torch import Tensor, nn

from twoplayer.core.ranges import Count, at_least
from twoplayer.text_encoders._contrastive_encoder import ContrastiveTextEncoder

__all__ = ["Characters"]

ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789 -,;.!?:'\"/\\|_@#$%^&*~`+=<>()[]{}"
MAX_CHARACTERS = 201
MIN_CHARACTERS = 8


@final
class Characters(ContrastiveTextEncoder):
    """Three convolutions with pooling, then a gated recurrent unit whose states are averaged.

    The first 201 characters of a sentence are used, in lower case; characters outside of Reed et al.'s alphabet of 70
    are ignored. Unlike a bag of words it represents spellings and the order of words.

    Args:
        dimension: length of the vector of a sentence.
    """

    def __init__(self, *, dimension: Count = 64) -> None:
        at_least(1, dimension=dimension)
        self.dimension = dimension
        self.character_indices = {character: number for number, character in enumerate(ALPHABET, 1)}

    def can_encode(self, sentence: str) -> bool:
        return any(character.isalnum() and character in self.character_indices for character in sentence.lower())

    def unknown_words(self, sentence: str) -> tuple[str, ...]:
        known = self.character_indices.keys()
        return tuple(word for word in dict.fromkeys(sentence.lower().split()) if known.isdisjoint(word))

    def build_vocabulary(self, sentences: Sequence[str]) -> None:
        """Do nothing: the alphabet is fixed."""

    def make_text_tower(self) -> nn.Module:
        return CharacterNetwork(len(ALPHABET) + 1, self.dimension)

    def tokenize(self, sentences: Sequence[str]) -> Tensor:
        rows = [[self.character_indices.get(c, 0) for c in s.lower()[:MAX_CHARACTERS]] for s in sentences]
        longest = max(MIN_CHARACTERS, max((len(row) for row in rows), default=0))
        return torch.tensor([row + [0] * (longest - len(row)) for row in rows], dtype=torch.int64).view(-1, longest)

    def vocabulary(self) -> dict[str, object]:
        return {"dimension": self.dimension}

    def restore_vocabulary(self, metadata: dict[str, Any]) -> None:
        self.dimension = int(metadata["dimension"])


@final
class CharacterNetwork(nn.Module):
    """Character numbers, int64 ``(B, L)``, L at least 8, to vectors ``(B, dimension)``; 0 is padding.

    Padding behind a sentence's end is masked, so that its vector does not depend on the longest sentence of the batch.
    """

    def __init__(self, characters: int, dimension: int) -> None:
        super().__init__()
        width = 2 * dimension
        self.vectors = nn.Embedding(characters, 32, padding_idx=0)
        widths = (32, width, width, width)
        self.convolutions = nn.ModuleList(nn.Conv1d(widths[i], widths[i + 1], 3, padding=1) for i in range(3))
        self.recurrent = nn.GRU(width, width, batch_first=True)
        self.head = nn.Linear(width, dimension)

    def forward(self, characters: Tensor) -> Tensor:
        is_text = (characters.flip(1).cumsum(1).flip(1) > 0).float()
        x = self.vectors(characters).transpose(1, 2)
        for layer, convolve in enumerate(self.convolutions):
            x = torch.relu(convolve(x)) * is_text.unsqueeze(1)
            if layer < 2:
                x, is_text = _halved(x), _halved(is_text.unsqueeze(1)).squeeze(1)
        states, _ = self.recurrent(x.transpose(1, 2))
        mean = (states * is_text.unsqueeze(2)).sum(1) / is_text.sum(1, keepdim=True).clamp_min(1)
        vectors: Tensor = self.head(mean)
        return vectors


def _halved(x: Tensor) -> Tensor:
    """Maxima over pairs ``(B, C, L)`` to ``(B, C, ⌈L/2⌉)``."""
    return torch.nn.functional.max_pool1d(x, 2, ceil_mode=True)
