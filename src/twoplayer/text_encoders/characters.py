"""A convolutional and recurrent network over characters, learned with the data's own captions and images.

Reads up to 201 characters in lower case: three convolutions with pooling, then a gated recurrent unit whose states
are averaged. Knows spellings, and the order of words.

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
    """`dimension` numbers of a sentence, out of its first 201 characters."""

    def __init__(self, *, dimension: Count = 64) -> None:
        at_least(1, dimension=dimension)
        self.dimension = dimension
        self.numbers = {character: number for number, character in enumerate(ALPHABET, 1)}

    def knows(self, sentence: str) -> bool:
        return any(character.isalnum() and character in self.numbers for character in sentence.lower())

    def passed_over(self, sentence: str) -> tuple[str, ...]:
        """Those of which it knows no character."""
        return tuple(word for word in dict.fromkeys(sentence.lower().split()) if self.numbers.keys().isdisjoint(word))

    def read(self, sentences: Sequence[str]) -> None:
        """Nothing: the alphabet is fixed."""

    def tower(self) -> nn.Module:
        return CharacterNetwork(len(ALPHABET) + 1, self.dimension)

    def tokenize(self, sentences: Sequence[str]) -> Tensor:
        rows = [[self.numbers.get(c, 0) for c in s.lower()[:MAX_CHARACTERS]] for s in sentences]
        longest = max(MIN_CHARACTERS, max((len(row) for row in rows), default=0))
        return torch.tensor([row + [0] * (longest - len(row)) for row in rows], dtype=torch.int64).view(-1, longest)

    def vocabulary(self) -> dict[str, object]:
        return {"dimension": self.dimension}

    def recall(self, facts: dict[str, Any]) -> None:
        self.dimension = int(facts["dimension"])


@final
class CharacterNetwork(nn.Module):
    """Character numbers ``(B, L)``, 0 for none, L at least 8, to vectors ``(B, dimension)``.

    What stands behind a sentence's end does not count, so that it reads the same beside longer ones.
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
        there = (characters.flip(1).cumsum(1).flip(1) > 0).float()
        x = self.vectors(characters).transpose(1, 2)
        for layer, convolve in enumerate(self.convolutions):
            x = torch.relu(convolve(x)) * there.unsqueeze(1)
            if layer < 2:
                x, there = _halved(x), _halved(there.unsqueeze(1)).squeeze(1)
        states, _ = self.recurrent(x.transpose(1, 2))
        mean = (states * there.unsqueeze(2)).sum(1) / there.sum(1, keepdim=True).clamp_min(1)
        vectors: Tensor = self.head(mean)
        return vectors


def _halved(x: Tensor) -> Tensor:
    """Maxima over pairs ``(B, C, L)`` to ``(B, C, ⌈L/2⌉)``."""
    return torch.nn.functional.max_pool1d(x, 2, ceil_mode=True)
