"""A bag of words: the mean of word vectors that are learned with the data's own captions and images, no download.

Words are runs of letters and digits in lower case. Word vectors pass through one hidden layer; the order of words
does not matter, and words that no training caption has are passed over.

Source: Reed et al. 2016, Learning Deep Representations of Fine-Grained Visual Descriptions (arXiv 1605.05395), section
4.3, the bag-of-words encoder of its comparison.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, final

import torch
from torch import Tensor, nn

from twoplayer.core.ranges import Count, at_least
from twoplayer.text_encoders._contrastive_encoder import ContrastiveTextEncoder

__all__ = ["BagOfWords"]

WORD = re.compile(r"[^\W_]+")
DROPPED_SHARE = 0.2
"""Share of a sentence's words that are left out in training, so that each of them counts."""


@final
class BagOfWords(ContrastiveTextEncoder):
    """`dimension` numbers of a sentence; up to `words` different words are known, the most frequent ones."""

    def __init__(self, *, dimension: Count = 64, words: Count = 20_000) -> None:
        at_least(1, dimension=dimension, words=words)
        self.dimension, self.limit = dimension, words
        self.numbers: dict[str, int] = {}

    def knows(self, sentence: str) -> bool:
        return any(word in self.numbers for word in _words(sentence))

    def passed_over(self, sentence: str) -> tuple[str, ...]:
        return tuple(word for word in dict.fromkeys(_words(sentence)) if word not in self.numbers)

    def read(self, sentences: Sequence[str]) -> None:
        found = Counter(word for sentence in sentences for word in _words(sentence))
        ranked = sorted(found, key=lambda word: (-found[word], word))[: self.limit]
        self.numbers = {word: number for number, word in enumerate(ranked, 1)}

    def tower(self) -> nn.Module:
        return WordBag(len(self.numbers) + 1, self.dimension)

    def tokenize(self, sentences: Sequence[str]) -> Tensor:
        rows = [[self.numbers[w] for w in _words(s) if w in self.numbers] for s in sentences]
        longest = max(1, max((len(row) for row in rows), default=1))
        return torch.tensor([row + [0] * (longest - len(row)) for row in rows], dtype=torch.int64).view(-1, longest)

    def vocabulary(self) -> dict[str, object]:
        return {"words": list(self.numbers), "dimension": self.dimension}

    def recall(self, facts: dict[str, Any]) -> None:
        self.dimension = int(facts["dimension"])
        self.numbers = {word: number for number, word in enumerate(facts["words"], 1)}


@final
class WordBag(nn.Module):
    """Word numbers ``(B, L)``, 0 for none, to vectors ``(B, dimension)``."""

    def __init__(self, words: int, dimension: int) -> None:
        super().__init__()
        self.vectors = nn.Embedding(words, 2 * dimension, padding_idx=0)
        self.body = nn.Sequential(nn.LayerNorm(2 * dimension), nn.Linear(2 * dimension, 2 * dimension), nn.ReLU())
        self.head = nn.Linear(2 * dimension, dimension)

    def forward(self, words: Tensor) -> Tensor:
        there = (words > 0).float()
        if self.training:
            there = there * (torch.rand_like(there) >= DROPPED_SHARE)
        mean = (self.vectors(words) * there.unsqueeze(2)).sum(1) / there.sum(1, keepdim=True).clamp_min(1)
        vectors: Tensor = self.head(self.body(mean))
        return vectors


def _words(sentence: str) -> list[str]:
    return WORD.findall(sentence.lower())
