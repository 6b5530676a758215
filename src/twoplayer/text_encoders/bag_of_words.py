"""A bag of words: the mean of word vectors that are trained on the data's own captions and images, without a download.

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
"""Share of a sentence's words that are left out in training, so that no single word suffices."""


@final
class BagOfWords(ContrastiveTextEncoder):
    """The mean of the vectors of a sentence's words, after one hidden layer.

    Words are runs of letters and digits in lower case. Their order does not matter, and words that no training caption
    has are ignored.

    Args:
        dimension: length of the vector of a sentence.
        words: how many different words are known at most, the most frequent ones.
    """

    def __init__(self, *, dimension: Count = 64, words: Count = 20_000) -> None:
        at_least(1, dimension=dimension, words=words)
        self.dimension, self.max_words = dimension, words
        self.word_indices: dict[str, int] = {}

    def can_encode(self, sentence: str) -> bool:
        return any(word in self.word_indices for word in _words(sentence))

    def unknown_words(self, sentence: str) -> tuple[str, ...]:
        return tuple(word for word in dict.fromkeys(_words(sentence)) if word not in self.word_indices)

    def build_vocabulary(self, sentences: Sequence[str]) -> None:
        counts = Counter(word for sentence in sentences for word in _words(sentence))
        ranked = sorted(counts, key=lambda word: (-counts[word], word))[: self.max_words]
        self.word_indices = {word: number for number, word in enumerate(ranked, 1)}

    def make_text_tower(self) -> nn.Module:
        return WordBag(len(self.word_indices) + 1, self.dimension)

    def tokenize(self, sentences: Sequence[str]) -> Tensor:
        rows = [[self.word_indices[w] for w in _words(s) if w in self.word_indices] for s in sentences]
        longest = max(1, max((len(row) for row in rows), default=1))
        return torch.tensor([row + [0] * (longest - len(row)) for row in rows], dtype=torch.int64).view(-1, longest)

    def vocabulary(self) -> dict[str, object]:
        return {"words": list(self.word_indices), "dimension": self.dimension}

    def restore_vocabulary(self, metadata: dict[str, Any]) -> None:
        self.dimension = int(metadata["dimension"])
        self.word_indices = {word: number for number, word in enumerate(metadata["words"], 1)}


@final
class WordBag(nn.Module):
    """Word numbers, int64 ``(B, L)``, of which 0 is padding, to vectors ``(B, dimension)``."""

    def __init__(self, words: int, dimension: int) -> None:
        super().__init__()
        self.vectors = nn.Embedding(words, 2 * dimension, padding_idx=0)
        self.body = nn.Sequential(nn.LayerNorm(2 * dimension), nn.Linear(2 * dimension, 2 * dimension), nn.ReLU())
        self.head = nn.Linear(2 * dimension, dimension)

    def forward(self, words: Tensor) -> Tensor:
        is_word = (words > 0).float()
        if self.training:
            is_word = is_word * (torch.rand_like(is_word) >= DROPPED_SHARE)
        mean = (self.vectors(words) * is_word.unsqueeze(2)).sum(1) / is_word.sum(1, keepdim=True).clamp_min(1)
        vectors: Tensor = self.head(self.body(mean))
        return vectors


def _words(sentence: str) -> list[str]:
    """The words of a sentence.

    >>> _words("A Red-ish car, No. 5")
    ['a', 'red', 'ish', 'car', 'no', '5']
    """
    return WORD.findall(sentence.lower())
